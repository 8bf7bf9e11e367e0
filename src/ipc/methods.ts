/**
 * The methods of the control sockets: the thread that runs each method, its parameters and its result.
 *
 * The types of the handlers of a socket (daemon/handlers.ts, daemon/manager/control.ts) and of the commands of its
 * worker (daemon/data_commands.ts, daemon/manager/commands.ts) derive from this table, so a method without a handler
 * and a handler without a method do not compile.
 *
 * A method without the optional interface name applies to the parent of the process; `stats` and the `show` methods
 * apply to its children in the same namespace too. The server checks parameters and refuses unknown or invalid members
 * with `E_IPC_PARAMS`. The client checks results and ignores unknown members.
 */

import * as v from "valibot";
import { ADDR_GEN_MODES } from "../base/addr_gen_mode.ts";
import { EVENT_KINDS } from "../base/events.ts";
import { DoctorRecordSchema } from "./schema/doctor_record.ts";
import { NewAddressSchema, RouteSchema } from "./schema/address_records.ts";
import {
  CAPTURE_EDGES,
  CaptureRecordSchema,
  MAX_CAPTURE_BYTES,
  MIN_CAPTURE_BYTES,
} from "./schema/capture_records.ts";
import {
  CoalesceRecordSchema,
  CoalesceValuesSchema,
  DriverRecordSchema,
  FeatureRecordSchema,
  RingRecordSchema,
} from "./schema/ethtool_records.ts";
import { EventRecordSchema } from "./schema/event_record.ts";
import { FiguresRecordSchema } from "./schema/figures.ts";
import { count, interfaceName, shortText, u16, u32 } from "./schema/fields.ts";
import { LinkRecordSchema } from "./schema/link_record.ts";
import { StatsRecordSchema } from "./schema/stats.ts";
import { UpgradeRecordSchema } from "./schema/upgrade_record.ts";
import { SubnetRecordSchema } from "./schema/subnet_record.ts";
import {
  FaultClearSchema,
  FaultRecordSchema,
  FaultRequestSchema,
  PortOperationSchema,
  ReloadRecordSchema,
} from "./schema/fault_records.ts";
import {
  AddressesRecordSchema,
  ChildRecordSchema,
  FileRecordSchema,
  MaddrRecordSchema,
  McgRecordSchema,
  NeighRecordSchema,
  ParamRecordSchema,
  PathRecordSchema,
} from "./schema/table_records.ts";

/** Kind of a control socket: that of an interface, or that of the manager of an embedded subnet. */
export type Socket = "interface" | "subnet";

/** The thread that runs a method. */
export type Place =
  /** The main thread. */
  | "process"
  /** The worker: the data worker of an interface, or the manager worker. */
  | "worker"
  /** The worker, one call at a time, for methods whose result is a table of unbounded length. */
  | "worker in turn";

/** Declaration of a method. */
interface MethodEntry {
  /** The sockets that serve the method, and the thread that runs it for each. */
  readonly runs: Readonly<Partial<Record<Socket, Place>>>;
  readonly params: v.GenericSchema;
  /** An item of the stream; absent if the method has none. A call with a stream lasts until the client ends it. */
  readonly item?: v.GenericSchema;
  readonly result: v.GenericSchema;
}

const nothing = v.strictObject({});
const done = v.object({});
const ofInterface = v.strictObject({ name: v.exactOptional(interfaceName) });
/** Selects events: those that have one of the `kinds`, are about interface `name` or its port, and are not older. */
const ofEvents = v.strictObject({
  name: v.exactOptional(interfaceName),
  kinds: v.exactOptional(v.array(v.picklist(EVENT_KINDS))),
  /** Milliseconds since 1970. */
  since: v.exactOptional(v.number()),
});

export const methods = {
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
  /** Adds a static neighbour with its 20-byte link-layer address, which received ARP and ND packets do not change. */
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
  "maddr.show": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(MaddrRecordSchema),
  },
  /** Returns the kernel's IP addresses. */
  "addr.show": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(AddressesRecordSchema),
  },
  /** Adds an address, or changes the one that the interface has. */
  "addr.add": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: interfaceName,
      ...NewAddressSchema.entries,
    }),
    result: done,
  },
  /** Adds a route, unless the interface has it. */
  "route.add": {
    runs: { interface: "worker" },
    params: v.strictObject({ name: interfaceName, ...RouteSchema.entries }),
    result: done,
  },
  /** Returns the routes that an administrator added. */
  "route.show": {
    runs: { interface: "worker in turn" },
    params: ofInterface,
    result: v.array(v.object({
      ifname: v.string(),
      routes: v.array(v.object(RouteSchema.entries)),
    })),
  },
  /** Returns the options of `ipoib up` for a parent, as text under their names on the command line. */
  "config.show": {
    runs: { interface: "process" },
    params: ofInterface,
    result: v.object({
      options: v.record(v.string(), v.string()),
      /** Size of the receive ring of a new interface, in packets. */
      recv_queue_size: u32,
    }),
  },
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
  /**
   * Deletes the interface. For a parent, the server replies first and closes the connection when the interface is gone.
   */
  "down": {
    runs: { interface: "process" },
    params: v.strictObject({ name: interfaceName }),
    result: done,
  },
  /** Prepares the process to hand all its interfaces to the process that `ipoib upgrade` starts. */
  "upgrade": {
    runs: { interface: "process" },
    params: nothing,
    result: UpgradeRecordSchema,
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
  /** Returns the moderation of receive completions. */
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
  "rings.get": {
    runs: { interface: "worker" },
    params: ofInterface,
    result: RingRecordSchema,
  },
  /**
   * Sets the receive queue of the queue pair and the transmit queue of the network device. The former takes a new queue
   * pair, so the link restarts with another QPN.
   */
  "rings.set": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: v.exactOptional(interfaceName),
      rx: v.exactOptional(u32),
      tx: v.exactOptional(u32),
    }),
    result: done,
  },
  /** Starts a capture, which records when its client has connected. `bytes` is the capacity of the ring. */
  "capture.start": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: interfaceName,
      edges: v.picklist(CAPTURE_EDGES),
      bytes: v.exactOptional(
        v.pipe(
          count,
          v.minValue(MIN_CAPTURE_BYTES),
          v.maxValue(MAX_CAPTURE_BYTES),
        ),
      ),
    }),
    result: CaptureRecordSchema,
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
  /** Requests features on or off. Returns the features before and after. */
  "features.set": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: v.exactOptional(interfaceName),
      request: v.record(shortText, v.boolean()),
    }),
    result: v.object({
      before: v.array(FeatureRecordSchema),
      after: v.array(FeatureRecordSchema),
    }),
  },
  /** Returns the stored events, oldest first. */
  "events.show": {
    runs: { interface: "process", subnet: "process" },
    params: ofEvents,
    result: v.array(EventRecordSchema),
  },
  /** Sends the stored events since `since` if given, then each new event, until the client or the process ends. */
  "events.watch": {
    runs: { interface: "process", subnet: "process" },
    params: ofEvents,
    item: EventRecordSchema,
    result: done,
  },
  /**
   * Queries the subnet administrator, and asks the link for other users of the interface's addresses. Replies within four
   * seconds. `peer` is an IP address whose route is looked up.
   */
  "doctor": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: v.exactOptional(interfaceName),
      peer: v.exactOptional(shortText),
    }),
    result: DoctorRecordSchema,
  },
  /** Replies when the interface is running. */
  "wait": { runs: { interface: "process" }, params: ofInterface, result: done },
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

export type Method = keyof typeof methods;
export type Params<M extends Method> = v.InferOutput<
  (typeof methods)[M]["params"]
>;
export type Result<M extends Method> = v.InferOutput<
  (typeof methods)[M]["result"]
>;

/** The methods with a stream: they send items before the reply. */
export type StreamMethod = {
  [M in Method]: (typeof methods)[M] extends { readonly item: v.GenericSchema }
    ? M
    : never;
}[Method];
/** An item of the stream of a method. */
export type Item<M extends StreamMethod> = v.InferOutput<
  (typeof methods)[M]["item"]
>;

/** The methods of a socket, optionally only those that run in one thread. */
export type MethodOf<S extends Socket, P extends Place = Place> = {
  [M in Method]: (typeof methods)[M]["runs"] extends { readonly [K in S]: P }
    ? M
    : never;
}[Method];

/** Returns the thread that runs a method for a socket; undefined if the socket does not serve the method. */
export function placeOf(socket: Socket, method: Method): Place | undefined {
  const { runs }: MethodEntry = methods[method];
  return runs[socket];
}

/** True if a method of this name exists. */
export function isMethod(name: string): name is Method {
  return Object.hasOwn(methods, name);
}
