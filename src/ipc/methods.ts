/**
 * The methods of the control socket: parameters and results of each.
 *
 * A `name` that is left out means the parent interface of the process. Parameters are checked on arrival (an
 * unknown or wrong member is `E_IPC_PARAMS`); results are checked by the client, which ignores members that it
 * does not know.
 */

import * as v from "valibot";
import {
  CoalesceRecordSchema,
  CoalesceValuesSchema,
  DriverRecordSchema,
  FeatureRecordSchema,
} from "./schema/ethtool.ts";
import { interfaceName, shortText, u16, u32 } from "./schema/fields.ts";
import { LinkRecordSchema } from "./schema/link.ts";
import {
  HeapRecordSchema,
  StatsRecordSchema,
  VersionRecordSchema,
} from "./schema/process.ts";
import { SubnetRecordSchema } from "./schema/subnet.ts";
import {
  FaultClearSchema,
  FaultRecordSchema,
  FaultRequestSchema,
  PortOperationSchema,
  ReloadRecordSchema,
} from "./schema/fault.ts";
import {
  ChildRecordSchema,
  McgRecordSchema,
  NeighRecordSchema,
  PathRecordSchema,
} from "./schema/tables.ts";

const nothing = v.strictObject({});
const done = v.object({});
const ofInterface = v.strictObject({ name: v.exactOptional(interfaceName) });

export const methods = {
  "version": { params: nothing, result: VersionRecordSchema },
  /** Without a name: the parent and its children. */
  "link.show": { params: ofInterface, result: v.array(LinkRecordSchema) },
  "link.set": {
    params: v.strictObject({
      name: interfaceName,
      up: v.exactOptional(v.boolean()),
      mtu: v.exactOptional(u32),
      mode: v.exactOptional(v.picklist(["datagram", "connected"])),
      umcast: v.exactOptional(v.boolean()),
    }),
    result: done,
  },
  /** A child of any name; its P_Key, the parent's if none is given, may have other interfaces. */
  "link.add": {
    params: v.strictObject({
      link: interfaceName,
      name: interfaceName,
      pkey: v.exactOptional(u16),
      mode: v.exactOptional(v.picklist(["datagram", "connected"])),
      umcast: v.exactOptional(v.boolean()),
    }),
    result: ChildRecordSchema,
  },
  /** Of a child, however it was made; a parent stays. */
  "link.del": {
    params: v.strictObject({ name: interfaceName }),
    result: v.object({ deleted: v.boolean() }),
  },
  "neigh.show": { params: ofInterface, result: v.array(NeighRecordSchema) },
  /** Without `dst`: all of the interface. */
  "neigh.flush": {
    params: v.strictObject({
      name: interfaceName,
      dst: v.exactOptional(shortText),
    }),
    result: v.object({ flushed: v.number() }),
  },
  /** Holds the 20-byte link-layer address of a neighbour, which nothing that is heard changes. */
  "neigh.add": {
    params: v.strictObject({
      name: interfaceName,
      dst: shortText,
      lladdr: shortText,
    }),
    result: done,
  },
  "neigh.del": {
    params: v.strictObject({ name: interfaceName, dst: shortText }),
    result: done,
  },
  "path.show": { params: ofInterface, result: v.array(PathRecordSchema) },
  "mcg.show": { params: ofInterface, result: v.array(McgRecordSchema) },
  /** A sysfs file of the interface; the value has no newline. */
  "get": {
    params: v.strictObject({ name: interfaceName, file: shortText }),
    result: v.object({ value: v.string() }),
  },
  "set": {
    params: v.strictObject({
      name: interfaceName,
      file: shortText,
      value: shortText,
    }),
    result: done,
  },
  /** The P_Key as written: 0x0001 makes a child named `.0001`, as in the driver. */
  "child.create": {
    params: v.strictObject({
      parent: v.exactOptional(interfaceName),
      pkey: u16,
    }),
    result: ChildRecordSchema,
  },
  "child.delete": {
    params: v.strictObject({
      parent: v.exactOptional(interfaceName),
      pkey: u16,
    }),
    result: done,
  },
  "child.list": {
    params: v.strictObject({ parent: v.exactOptional(interfaceName) }),
    result: v.array(ChildRecordSchema),
  },
  /** Takes the interface away; the process ends after its answer and closes the connection last. */
  "down": { params: v.strictObject({ name: interfaceName }), result: done },
  /** Of the subnet of this process; `name` is refused if it is another one. */
  "subnet.show": {
    params: v.strictObject({ name: v.exactOptional(shortText) }),
    result: SubnetRecordSchema,
  },
  /** The next ones are answered by whoever hosts the subnet's manager alone. */
  "subnet.fault.show": { params: nothing, result: FaultRecordSchema },
  /** Answers when every port follows the new rule, or after a second. */
  "subnet.fault.set": {
    params: FaultRequestSchema,
    result: FaultRecordSchema,
  },
  /** Without a port: all rules. */
  "subnet.fault.clear": { params: FaultClearSchema, result: FaultRecordSchema },
  "subnet.port": { params: PortOperationSchema, result: done },
  /** Reads partitions.conf again, or another file (an absolute path) instead of it. */
  "subnet.reload": {
    params: v.strictObject({ partitions: v.exactOptional(shortText) }),
    result: ReloadRecordSchema,
  },
  /** Ends the manager without a word to anybody; the answer comes before. */
  "subnet.kill": { params: nothing, result: done },
  "stats": { params: ofInterface, result: v.array(StatsRecordSchema) },
  /** Moderation of receive completions. */
  "coalesce.get": { params: ofInterface, result: CoalesceRecordSchema },
  "coalesce.set": {
    params: v.strictObject({
      name: v.exactOptional(interfaceName),
      values: CoalesceValuesSchema,
    }),
    result: done,
  },
  "driver": { params: ofInterface, result: DriverRecordSchema },
  "features": { params: ofInterface, result: v.array(FeatureRecordSchema) },
  /** Memory of the data worker, after a collection where that can be had. */
  "debug.heap": { params: nothing, result: HeapRecordSchema },
  /** Answers once the interface carries traffic. */
  "wait": {
    params: ofInterface,
    result: v.object({ ifname: v.string(), state: v.string() }),
  },
  /** Ends the process, as SIGTERM does. */
  "stop": { params: nothing, result: done },
} as const;

export type Method = keyof typeof methods;
export type Params<M extends Method> = v.InferOutput<
  (typeof methods)[M]["params"]
>;
export type Result<M extends Method> = v.InferOutput<
  (typeof methods)[M]["result"]
>;

export function isMethod(name: string): name is Method {
  return Object.hasOwn(methods, name);
}
