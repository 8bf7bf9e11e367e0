/** Methods of interfaces and their children. */

import * as v from "valibot";
import { ADDR_GEN_MODES } from "../../base/addr_gen_mode.ts";
import { interfaceName, shortText, u16, u32 } from "../schema/fields.ts";
import { LinkRecordSchema } from "../schema/link_record.ts";
import { ChildRecordSchema } from "../schema/table_records.ts";
import { done, type MethodEntry, ofInterface } from "./method_entry.ts";

export const linkMethods = {
  "link.show": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(LinkRecordSchema),
  },
  /** The members are those of `ip link set`; `rename` is the new name. */
  "link.set": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: interfaceName,
      up: v.exactOptional(v.boolean()),
      mtu: v.exactOptional(u32),
      mode: v.exactOptional(v.picklist(["datagram", "connected"])),
      umcast: v.exactOptional(v.boolean()),
      rename: v.exactOptional(interfaceName),
      alias: v.exactOptional(shortText),
      txqlen: v.exactOptional(u32),
      group: v.exactOptional(u32),
      /** NAME, PID or PATH of a network namespace. */
      netns: v.exactOptional(shortText),
      /** 20 bytes. */
      address: v.exactOptional(shortText),
      linkmode: v.exactOptional(v.picklist(["default", "dormant"])),
      addrgenmode: v.exactOptional(v.picklist(ADDR_GEN_MODES)),
      arp: v.exactOptional(v.boolean()),
      multicast: v.exactOptional(v.boolean()),
      allmulticast: v.exactOptional(v.boolean()),
      promisc: v.exactOptional(v.boolean()),
      dynamic: v.exactOptional(v.boolean()),
    }),
    result: done,
  },
  /** Adds a child. The P_Key defaults to that of the parent; other interfaces may use the same P_Key. */
  "link.add": {
    runs: { interface: "worker" },
    params: v.strictObject({
      link: interfaceName,
      name: interfaceName,
      pkey: v.exactOptional(u16),
      mode: v.exactOptional(v.picklist(["datagram", "connected"])),
      umcast: v.exactOptional(v.boolean()),
    }),
    result: done,
  },
  /** Deletes a child of either kind. A parent is not deleted. */
  "link.del": {
    runs: { interface: "worker" },
    params: v.strictObject({ name: interfaceName }),
    result: v.object({ deleted: v.boolean() }),
  },
  /** Creates a child. Its name contains the P_Key as given: 0x0001 creates `ib0.0001`, as in ib_ipoib. */
  "child.create": {
    runs: { interface: "worker" },
    params: v.strictObject({
      parent: v.exactOptional(interfaceName),
      pkey: u16,
    }),
    result: ChildRecordSchema,
  },
  "child.delete": {
    runs: { interface: "worker" },
    params: v.strictObject({
      parent: v.exactOptional(interfaceName),
      pkey: u16,
    }),
    result: done,
  },
  "child.list": {
    runs: { interface: "worker in turn" },
    params: v.strictObject({ parent: v.exactOptional(interfaceName) }),
    result: v.array(ChildRecordSchema),
  },
} as const satisfies Record<string, MethodEntry>;
