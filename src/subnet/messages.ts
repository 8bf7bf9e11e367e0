/**
 * The control messages between a port and the embedded subnet manager: JSON objects, checked on arrival.
 *
 * They stand for what a subnet manager does with SMPs (PortInfo, P_KeyTable, forwarding tables) and for the
 * events that an HCA raises from them. Everything that an SA client does travels as real MADs beside them
 * (see protocol.ts).
 *
 * Spellings: GUIDs and prefixes as formatGuid of wire/gid.ts writes them, MGIDs as its gidKey does (32
 * hexadecimal digits without punctuation), LIDs, keys and codes are numbers.
 */

import * as v from "valibot";
import {
  type Faults,
  type FaultSettings,
  FaultsSchema,
  type FaultsTaken,
  FaultsTakenSchema,
} from "./fault_messages.ts";
import { MAX_PKEYS } from "./partitions.ts";

/** Version of the messages and of the frames; a port with another one is refused. */
export const PROTOCOL_VERSION = 2;

const unsigned = (max: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));
const u8 = unsigned(0xff);
const u16 = unsigned(0xffff);
const u20 = unsigned(0xfffff);
const u32 = unsigned(0xffffffff);
const guid = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{16}$/));
const mgid = v.pipe(v.string(), v.regex(/^ff[0-9a-f]{30}$/));
const text = v.pipe(v.string(), v.maxLength(256));
const unicastLid = v.pipe(u16, v.minValue(1), v.maxValue(0xbfff));
const mlid = v.pipe(u16, v.minValue(0xc000), v.maxValue(0xfffe));
const list = <T extends v.GenericSchema>(item: T) =>
  v.pipe(v.array(item), v.maxLength(0x10000));

/** One group membership that a port brings along when it registers with a new manager. */
const MembershipSchema = v.object({
  mgid,
  mlid,
  /** Bits of the port's join states: 1 full, 2 non-member, 4 send-only non-member, 8 send-only full. */
  joinState: v.pipe(u8, v.minValue(1), v.maxValue(15)),
  pkey: u16,
  qkey: u32,
  /** Codes of the group, as in MCMemberRecord. */
  mtu: unsigned(63),
  rate: unsigned(63),
  sl: unsigned(15),
  flowLabel: u20,
  hopLimit: u8,
  tclass: u8,
});
export type Membership = v.InferOutput<typeof MembershipSchema>;

/** Memberships in one {@linkcode MembershipsMessage} message: some 200 bytes each. */
export const MAX_MEMBERSHIPS = 256;

/** The groups that the port had joined under the manager before, behind its hello; as many messages as it takes. */
const MembershipsSchema = v.object({
  type: v.literal("memberships"),
  memberships: v.pipe(v.array(MembershipSchema), v.maxLength(MAX_MEMBERSHIPS)),
});
export type MembershipsMessage = v.InferOutput<typeof MembershipsSchema>;

/** First message of a port. */
const HelloSchema = v.object({
  type: v.literal("hello"),
  version: v.literal(PROTOCOL_VERSION),
  /** The port GUID asked for; `welcome` says which was granted. */
  guid,
  /** True if no other GUID will do (`--guid`). */
  guidFixed: v.exactOptional(v.boolean()),
  /** Name of the interface, shown by `ipoib subnet show`; no control characters. */
  name: v.pipe(v.string(), v.maxLength(64), v.regex(/^[^\p{Cc}]*$/u)),
  pid: u32,
  /** IB MTU in bytes that the subnet must have; absent: whatever it has. */
  subnetMtu: v.exactOptional(v.picklist([2048, 4096])),
  /** The LID of this port under the manager before. */
  lid: v.exactOptional(unicastLid),
  /** The port's own secret, of which the manager makes the tokens of links to it (link_token.ts). */
  secret: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});
export type Hello = v.InferOutput<typeof HelloSchema>;

/** A hello of another version: only these two are certain to be there. */
const ForeignHelloSchema = v.object({
  type: v.literal("hello"),
  version: v.pipe(v.number(), v.notValue(PROTOCOL_VERSION)),
});
export type ForeignHello = v.InferOutput<typeof ForeignHelloSchema>;

/** Asks for a {@linkcode SubnetSnapshot}; answered on the same connection with the same `id`. */
const ShowRequestSchema = v.object({
  type: v.literal("show"),
  id: u32,
});
export type ShowRequest = v.InferOutput<typeof ShowRequestSchema>;

/** Asks for a {@linkcode Pong}, registered or not: a manager that does not answer has stopped. */
const PingSchema = v.object({ type: v.literal("ping") });
export type Ping = v.InferOutput<typeof PingSchema>;

/** What a port may send. */
export type PortMessage =
  | Hello
  | MembershipsMessage
  | ShowRequest
  | FaultsTaken
  | Ping;

const pkeyTable = v.pipe(v.array(u16), v.maxLength(MAX_PKEYS));

/** A port as the one that is told of it sees it. */
const FabricPortSchema = v.object({
  lid: unicastLid,
  guid,
  /** Its P_Key table. */
  pkeys: pkeyTable,
  /** With this the port that is told may open links to it (link_token.ts). */
  token: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
});
export type FabricPort = v.InferOutput<typeof FabricPortSchema>;

/** Where a multicast LID leads: the ports that receive (full members and non-members, not send-only). */
const FabricGroupSchema = v.object({
  mlid,
  mgid,
  lids: list(unicastLid),
});
export type FabricGroup = v.InferOutput<typeof FabricGroupSchema>;

/** The switches' forwarding tables: which port is behind each LID and MLID. The port itself is in it too. */
const FabricMapSchema = v.object({
  ports: list(FabricPortSchema),
  groups: list(FabricGroupSchema),
});
export type FabricMap = v.InferOutput<typeof FabricMapSchema>;

/** What a process knows of its subnet when the manager is gone: what the manager that it starts begins with. */
export interface LastKnown {
  readonly ports: readonly Pick<FabricPort, "lid" | "guid">[];
  readonly groups: readonly FabricGroup[];
  readonly faults: FaultSettings;
}

/** The port is registered: what its PortInfo and P_Key table hold from now on. */
const WelcomeSchema = v.object({
  type: v.literal("welcome"),
  version: v.literal(PROTOCOL_VERSION),
  /** The port GUID granted. */
  guid,
  lid: unicastLid,
  smLid: unicastLid,
  smSl: unsigned(15),
  subnetPrefix: guid,
  /** The P_Key table; the position is the P_Key index. */
  pkeys: pkeyTable,
  /** Code of the subnet's MTU: 4 = 2048, 5 = 4096 bytes. */
  mtuCode: unsigned(5),
  rateCode: unsigned(63),
  /** Lanes, and megabits per second of each. */
  width: u8,
  laneMbps: u32,
  fabric: FabricMapSchema,
});
export type Welcome = v.InferOutput<typeof WelcomeSchema>;

/** Why a port is refused. */
export const RefusalCode = {
  Version: "E_SUBNET_VERSION",
  Mtu: "E_SUBNET_MTU",
  Guid: "E_SUBNET_GUID",
  Full: "E_SUBNET_FULL",
  Protocol: "E_SUBNET_PROTOCOL",
} as const;

/** The port is not registered; fit for an IpoibError. Readable whatever the versions. */
const RefusedSchema = v.object({
  type: v.literal("refused"),
  code: text,
  message: v.string(),
  hint: v.string(),
});
export type Refused = v.InferOutput<typeof RefusedSchema>;

/** An asynchronous event of the port; fields that are present have changed. */
const EventSchema = v.object({
  type: v.literal("event"),
  event: v.picklist([
    "client_reregister",
    "lid_change",
    "pkey_change",
    "sm_change",
    "port_error",
    "port_active",
  ]),
  lid: v.exactOptional(unicastLid),
  smLid: v.exactOptional(unicastLid),
  pkeys: v.exactOptional(pkeyTable),
});
export type SubnetEvent = v.InferOutput<typeof EventSchema>;

/** What has changed in the {@linkcode FabricMap}: removals first, then additions; a port or group given replaces the older. */
const FabricUpdateSchema = v.object({
  type: v.literal("fabric"),
  portsRemoved: v.exactOptional(list(unicastLid)),
  portsAdded: v.exactOptional(list(FabricPortSchema)),
  groupsRemoved: v.exactOptional(list(mlid)),
  groupsChanged: v.exactOptional(list(FabricGroupSchema)),
});
export type FabricUpdate = v.InferOutput<typeof FabricUpdateSchema>;

/** Everything `ipoib subnet show` prints. MGIDs are in their readable form here. */
export const SubnetSnapshotSchema = v.object({
  version: v.number(),
  subnetPrefix: v.string(),
  /** IB MTU in bytes. */
  mtu: v.number(),
  rateCode: v.number(),
  manager: v.object({
    lid: v.number(),
    guid: v.string(),
    pid: v.number(),
    host: v.string(),
    /** The interface whose process holds the manager, or what holds it alone. */
    name: v.string(),
  }),
  ports: v.array(v.object({
    lid: v.number(),
    guid: v.string(),
    name: v.string(),
    pid: v.number(),
    pkeys: v.array(v.number()),
    state: v.string(),
  })),
  partitions: v.array(v.object({
    name: v.string(),
    pkey: v.number(),
    ipoib: v.boolean(),
    /** `ALL` or a GUID, and `full`, `limited` or `both`. */
    members: v.array(v.object({ port: v.string(), membership: v.string() })),
  })),
  groups: v.array(v.object({
    mgid: v.string(),
    mlid: v.number(),
    pkey: v.number(),
    qkey: v.number(),
    /** Bytes. */
    mtu: v.number(),
    rateCode: v.number(),
    sl: v.number(),
    /** True for groups that exist without members. */
    permanent: v.boolean(),
    members: v.array(
      v.object({ lid: v.number(), guid: v.string(), joinState: v.number() }),
    ),
  })),
  /** True if members or groups were left out because the message would have been too long. */
  truncated: v.exactOptional(v.boolean()),
});
export type SubnetSnapshot = v.InferOutput<typeof SubnetSnapshotSchema>;

/** Answer to a {@linkcode ShowRequest}. */
const ShowReplySchema = v.object({
  type: v.literal("show"),
  id: u32,
  subnet: SubnetSnapshotSchema,
});
export type ShowReply = v.InferOutput<typeof ShowReplySchema>;

/** Answer to a {@linkcode Ping}. */
const PongSchema = v.object({ type: v.literal("pong") });
export type Pong = v.InferOutput<typeof PongSchema>;

/** What the manager may send. */
export type ManagerMessage =
  | Pong
  | Welcome
  | Refused
  | SubnetEvent
  | FabricUpdate
  | Faults
  | ShowReply;

/** Checks what came from a port. */
export const PortMessageSchema = v.union([
  HelloSchema,
  MembershipsSchema,
  ShowRequestSchema,
  FaultsTakenSchema,
  PingSchema,
  ForeignHelloSchema,
]);

/** Checks what came from the manager. */
export const ManagerMessageSchema = v.variant("type", [
  WelcomeSchema,
  RefusedSchema,
  EventSchema,
  FabricUpdateSchema,
  FaultsSchema,
  ShowReplySchema,
  PongSchema,
]);
