/**
 * The methods of the control sockets: where each runs, its parameters, its result.
 *
 * The one place where a method is declared. The handlers of a socket (daemon/handlers.ts, daemon/manager/control.ts) and
 * the commands of its worker (daemon/data_commands.ts, daemon/manager/commands.ts) are typed by this table, so a method
 * without a handler does not compile, and neither does a handler without a method.
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
} from "./schema/ethtool_records.ts";
import { interfaceName, shortText, u16, u32 } from "./schema/fields.ts";
import { LinkRecordSchema } from "./schema/link_record.ts";
import { StatsRecordSchema } from "./schema/stats.ts";
import { SubnetRecordSchema } from "./schema/subnet_record.ts";
import {
  FaultClearSchema,
  FaultRecordSchema,
  FaultRequestSchema,
  PortOperationSchema,
  ReloadRecordSchema,
} from "./schema/fault_records.ts";
import {
  ChildRecordSchema,
  McgRecordSchema,
  NeighRecordSchema,
  PathRecordSchema,
} from "./schema/table_records.ts";

/** Who listens: an interface, or the process with the manager of an embedded subnet. */
export type Socket = "interface" | "subnet";

/** Where a method runs in the process behind the socket. */
export type Place =
  /** The main thread. */
  | "process"
  /** The socket's worker: the data worker of an interface, or the manager's. */
  | "worker"
  /** The same, for one client at a time: the result is a table of any length. */
  | "worker in turn";

/** A row of the table. */
interface MethodEntry {
  /** The sockets that have the method, and where it runs behind each. */
  readonly runs: Readonly<Partial<Record<Socket, Place>>>;
  readonly params: v.GenericSchema;
  readonly result: v.GenericSchema;
}

const nothing = v.strictObject({});
const done = v.object({});
const ofInterface = v.strictObject({ name: v.exactOptional(interfaceName) });

export const methods = {
  /** Without a name: the parent and its children. */
  "link.show": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(LinkRecordSchema),
  },
  "link.set": {
    runs: { interface: "worker" },
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
  /** Of a child, however it was made; a parent stays. */
  "link.del": {
    runs: { interface: "worker" },
    params: v.strictObject({ name: interfaceName }),
    result: v.object({ deleted: v.boolean() }),
  },
  "neigh.show": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(NeighRecordSchema),
  },
  /** Without `dst`: all of the interface. */
  "neigh.flush": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: interfaceName,
      dst: v.exactOptional(shortText),
    }),
    result: done,
  },
  /** Holds the 20-byte link-layer address of a neighbour, which nothing that is heard changes. */
  "neigh.add": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: interfaceName,
      dst: shortText,
      lladdr: shortText,
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
  /** A sysfs file of the interface; the value has no newline. */
  "get": {
    runs: { interface: "worker" },
    params: v.strictObject({ name: interfaceName, file: shortText }),
    result: v.object({ value: v.string() }),
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
  /** The P_Key as written: 0x0001 makes a child named `.0001`, as in the driver. */
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
  /** Takes the interface away; the process ends after its answer and closes the connection last. */
  "down": {
    runs: { interface: "process" },
    params: v.strictObject({ name: interfaceName }),
    result: done,
  },
  "stats": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(StatsRecordSchema),
  },
  /** Moderation of receive completions. */
  "coalesce.get": {
    runs: { interface: "worker" },
    params: ofInterface,
    result: CoalesceRecordSchema,
  },
  "coalesce.set": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: v.exactOptional(interfaceName),
      values: CoalesceValuesSchema,
    }),
    result: done,
  },
  "driver": {
    runs: { interface: "worker" },
    params: ofInterface,
    result: DriverRecordSchema,
  },
  "features": {
    runs: { interface: "worker" },
    params: ofInterface,
    result: v.array(FeatureRecordSchema),
  },
  /** Answers once the interface carries traffic. */
  "wait": { runs: { interface: "process" }, params: ofInterface, result: done },
  /** Of the subnet of this process; an interface refuses another `name`. */
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
  /** Answers when every port follows the new rule, or after a second. */
  "subnet.fault.set": {
    runs: { subnet: "worker" },
    params: FaultRequestSchema,
    result: FaultRecordSchema,
  },
  /** Without a port: all rules. */
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
  /** Reads partitions.conf again, or another file (an absolute path) instead of it. */
  "subnet.reload": {
    runs: { subnet: "process" },
    params: v.strictObject({ partitions: v.exactOptional(shortText) }),
    result: ReloadRecordSchema,
  },
  /** Ends the manager as a crash would; the answer comes before. */
  "subnet.kill": { runs: { subnet: "process" }, params: nothing, result: done },
} as const satisfies Record<string, MethodEntry>;

export type Method = keyof typeof methods;
export type Params<M extends Method> = v.InferOutput<
  (typeof methods)[M]["params"]
>;
export type Result<M extends Method> = v.InferOutput<
  (typeof methods)[M]["result"]
>;

/** The methods of a socket, or those of them that run at a place. */
export type MethodOf<S extends Socket, P extends Place = Place> = {
  [M in Method]: (typeof methods)[M]["runs"] extends { readonly [K in S]: P }
    ? M
    : never;
}[Method];

/** Where a method runs behind a socket; undefined if the socket does not have it. */
export function placeOf(socket: Socket, method: Method): Place | undefined {
  const { runs }: MethodEntry = methods[method];
  return runs[socket];
}

export function isMethod(name: string): name is Method {
  return Object.hasOwn(methods, name);
}
