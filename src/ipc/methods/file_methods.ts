/** Methods of the sysfs attributes and module parameters of ib_ipoib. */

import * as v from "valibot";
import { interfaceName, shortText } from "../schema/fields.ts";
import {
  FileRecordSchema,
  ParamRecordSchema,
} from "../schema/table_records.ts";
import { done, type MethodEntry, ofInterface } from "./method_entry.ts";

export const fileMethods = {
  /** Reads a sysfs attribute of the interface. The value has no newline. */
  "get": {
    runs: { interface: "worker" },
    params: v.strictObject({ name: interfaceName, file: shortText }),
    result: v.object({ value: v.string() }),
  },
  /** Returns all sysfs attributes of an interface, by default of the parent. */
  "file.show": {
    runs: { interface: "worker" },
    params: ofInterface,
    result: v.array(FileRecordSchema),
  },
  "set": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: interfaceName,
      file: shortText,
      value: shortText,
    }),
    result: done,
  },
  /** Returns the module parameters of ib_ipoib, which apply to a parent interface and its children. */
  "param.show": {
    runs: { interface: "worker" },
    params: ofInterface,
    result: v.array(ParamRecordSchema),
  },
  "param.set": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: v.exactOptional(interfaceName),
      param: shortText,
      value: shortText,
    }),
    result: done,
  },
} as const satisfies Record<string, MethodEntry>;
