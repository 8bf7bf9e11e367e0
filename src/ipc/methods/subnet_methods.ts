/** Methods of an embedded subnet. */

import * as v from "valibot";
import {
  FaultClearSchema,
  FaultRecordSchema,
  FaultRequestSchema,
  PortOperationSchema,
  ReloadRecordSchema,
} from "../schema/fault_records.ts";
import { shortText } from "../schema/fields.ts";
import { SubnetRecordSchema } from "../schema/subnet_record.ts";
import { done, type MethodEntry, nothing } from "./method_entry.ts";

export const subnetMethods = {
  /** Returns the subnet of this process. An interface refuses the `name` of another subnet. */
  "subnet.show": {
    runs: { interface: "worker", subnet: "worker in turn" },
    params: v.strictObject({ name: v.exactOptional(shortText) }),
    result: SubnetRecordSchema,
  },
  "subnet.fault.show": {
    runs: { subnet: "worker" },
    params: nothing,
    result: FaultRecordSchema,
  },
  /** Sets one rule. Replies when every port has applied it, or after one second. */
  "subnet.fault.set": {
    runs: { subnet: "worker" },
    params: FaultRequestSchema,
    result: FaultRecordSchema,
  },
  /** Removes the rule of a port, or all rules without `port`. Replies as `subnet.fault.set` does. */
  "subnet.fault.clear": {
    runs: { subnet: "worker" },
    params: FaultClearSchema,
    result: FaultRecordSchema,
  },
  "subnet.port": {
    runs: { subnet: "worker" },
    params: PortOperationSchema,
    result: done,
  },
  /** Reloads the partition configuration, from another file if given. The path must be absolute. */
  "subnet.reload": {
    runs: { subnet: "process" },
    params: v.strictObject({ partitions: v.exactOptional(shortText) }),
    result: ReloadRecordSchema,
  },
  /** Kills the manager without cleanup, after the reply. */
  "subnet.kill": { runs: { subnet: "process" }, params: nothing, result: done },
} as const satisfies Record<string, MethodEntry>;
