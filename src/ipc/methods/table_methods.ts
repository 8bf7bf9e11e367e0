/** Methods of the tables of an interface (neighbours, paths, groups) and of its statistics. */

import * as v from "valibot";
import { interfaceName, shortText } from "../schema/fields.ts";
import { FiguresRecordSchema } from "../schema/figures.ts";
import { StatsRecordSchema } from "../schema/stats.ts";
import {
  MaddrRecordSchema,
  McgRecordSchema,
  NeighRecordSchema,
  PathRecordSchema,
} from "../schema/table_records.ts";
import { done, type MethodEntry, ofInterface } from "./method_entry.ts";

export const tableMethods = {
  "neigh.show": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(NeighRecordSchema),
  },
  /** Without `dst`, flushes all neighbours of the interface. */
  "neigh.flush": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: interfaceName,
      dst: v.exactOptional(shortText),
    }),
    result: done,
  },
  /**
   * Adds a static neighbour with its 20-byte link-layer address, which received ARP and ND packets do not change. Default
   * of `how`: the neighbour must not exist.
   */
  "neigh.add": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: interfaceName,
      dst: shortText,
      lladdr: shortText,
      how: v.exactOptional(v.picklist(["change", "replace"])),
    }),
    result: done,
  },
  "neigh.del": {
    runs: { interface: "worker" },
    params: v.strictObject({ name: interfaceName, dst: shortText }),
    result: done,
  },
  "path.show": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(PathRecordSchema),
  },
  "mcg.show": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(McgRecordSchema),
  },
  "maddr.show": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(MaddrRecordSchema),
  },
  "stats": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(StatsRecordSchema),
  },
  /** Returns the numbers that the other records do not have: sizes of tables, round trips. */
  "figures": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(FiguresRecordSchema),
  },
} as const satisfies Record<string, MethodEntry>;
