/**
 * The control messages between a port and the embedded subnet manager: JSON objects, validated by the receiver.
 *
 * They replace the SMPs of a subnet manager (PortInfo, P_KeyTable, forwarding tables) and the events that an HCA raises
 * from them. The SA requests and responses are MADs on the same connection (protocol.ts).
 *
 * GUIDs and subnet prefixes have the form of formatGuid (base/hex.ts), MGIDs that of gidKey (wire/gid.ts): 32
 * hexadecimal digits without punctuation. LIDs, keys and codes are numbers.
 */

import * as v from "valibot";
import {
  type Faults,
  type FaultSettings,
  FaultsSchema,
  type FaultsTaken,
  FaultsTakenSchema,
} from "./fault_messages.ts";
import {
  guid,
  list,
  pkeyTable,
  u16,
  unicastLid,
  unsigned,
} from "./message_fields.ts";
import {
  type PortSetting,
  type PortSettings,
  PortSettingsSchema,
} from "./port_settings.ts";

/** Version of the messages and the frames. The manager refuses a port with another version. */
export const PROTOCOL_VERSION = 3;

const u8 = unsigned(0xff);
const u20 = unsigned(0xfffff);
const u32 = unsigned(0xffffffff);
const mgid = v.pipe(v.string(), v.regex(/^ff[0-9a-f]{30}$/));
/** Maximum length of a text in a message. */
export const MAX_TEXT = 256;
const text = v.pipe(v.string(), v.maxLength(MAX_TEXT));
const mlid = v.pipe(u16, v.minValue(0xc000), v.maxValue(0xfffe));

/** A group membership that a port reports to a new manager. */
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

/** Maximum number of memberships in one {@linkcode MembershipsMessage}; each has about 200 bytes. */
export const MAX_MEMBERSHIPS = 256;

/** The port's memberships under the previous manager. Sent after the hello, in as many messages as necessary. */
const MembershipsSchema = v.object({
  type: v.literal("memberships"),
  memberships: v.pipe(v.array(MembershipSchema), v.maxLength(MAX_MEMBERSHIPS)),
});
export type MembershipsMessage = v.InferOutput<typeof MembershipsSchema>;

/** The first message of a port. Registers the port. */
const HelloSchema = v.object({
  type: v.literal("hello"),
  version: v.literal(PROTOCOL_VERSION),
  /** The requested port GUID. `welcome` has the assigned GUID, which may differ. */
  guid,
  /** True if the manager must refuse the port rather than assign another GUID (`--guid`). */
  guidFixed: v.exactOptional(v.boolean()),
  /** Name of the interface, without control characters. Printed by `ipoib subnet show`. */
  name: v.pipe(v.string(), v.maxLength(64), v.regex(/^[^\p{Cc}]*$/u)),
  /** The PID in the PID namespace of the sender. The manager uses that of the connection. */
  pid: u32,
  /** Required IB MTU of the subnet in bytes. If absent, the port accepts any. */
  subnetMtu: v.exactOptional(v.picklist([2048, 4096])),
  /** The port's LID under the previous manager. */
  lid: v.exactOptional(unicastLid),
  /** The port's secret, from which the manager computes the tokens for links to the port (link_token.ts). */
  secret: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});
export type Hello = v.InferOutput<typeof HelloSchema>;

/** A hello of another version. Every version has these two members. */
const ForeignHelloSchema = v.object({
  type: v.literal("hello"),
  version: v.pipe(v.number(), v.notValue(PROTOCOL_VERSION)),
});
export type ForeignHello = v.InferOutput<typeof ForeignHelloSchema>;

/** Requests a {@linkcode SubnetSnapshot}. The reply on the same connection has the same `id`. */
const ShowRequestSchema = v.object({
  type: v.literal("show"),
  id: u32,
});
export type ShowRequest = v.InferOutput<typeof ShowRequestSchema>;

/** Requests a {@linkcode Pong}, to detect a manager that has stopped. The port need not be registered. */
const PingSchema = v.object({ type: v.literal("ping") });
export type Ping = v.InferOutput<typeof PingSchema>;

/** The messages of a port. */
export type PortMessage =
  | Hello
  | MembershipsMessage
  | ShowRequest
  | FaultsTaken
  | Ping;

/** A port in the forwarding tables. */
const FabricPortSchema = v.object({
  lid: unicastLid,
  guid,
  pkeys: pkeyTable,
  /** Token with which the receiver of the message opens links to the port (link_token.ts). */
  token: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
});
export type FabricPort = v.InferOutput<typeof FabricPortSchema>;

/** The destinations of a multicast LID: full members and non-members, but not send-only members. */
const FabricGroupSchema = v.object({
  mlid,
  mgid,
  lids: list(unicastLid),
});
export type FabricGroup = v.InferOutput<typeof FabricGroupSchema>;

/** The forwarding tables: the port of each LID, and the ports of each MLID. They include the receiving port itself. */
const FabricMapSchema = v.object({
  ports: list(FabricPortSchema),
  groups: list(FabricGroupSchema),
});
export type FabricMap = v.InferOutput<typeof FabricMapSchema>;

/** The last state of the subnet that a process had when the manager disappeared: the initial state of a new manager. */
export interface LastKnown {
  /**
   * The active ports, and those of earlier managers that may still register with the last one. A port that is down knows
   * at most the latter.
   */
  readonly ports: readonly Pick<FabricPort, "lid" | "guid" | "pkeys">[];
  readonly groups: readonly FabricGroup[];
  readonly faults: FaultSettings;
  readonly settings: readonly PortSetting[];
}

/** True if the process was registered with the previous manager. A port that is down knows at least its own setting. */
export function wasRegistered({ ports, settings }: LastKnown): boolean {
  return ports.length > 0 || settings.length > 0;
}

/** Confirms the registration, with the port's PortInfo and P_Key table. */
const WelcomeSchema = v.object({
  type: v.literal("welcome"),
  version: v.literal(PROTOCOL_VERSION),
  /** The assigned port GUID. */
  guid,
  lid: unicastLid,
  smLid: unicastLid,
  smSl: unsigned(15),
  /** True if the port is down. */
  down: v.boolean(),
  subnetPrefix: guid,
  pkeys: pkeyTable,
  /** Code of the subnet's MTU: 4 = 2048, 5 = 4096 bytes. */
  mtuCode: unsigned(5),
  rateCode: unsigned(63),
  /** Number of lanes, and megabits per second of one lane. */
  width: u8,
  laneMbps: u32,
  fabric: FabricMapSchema,
});
export type Welcome = v.InferOutput<typeof WelcomeSchema>;

/** Codes of refusals. */
export const RefusalCode = {
  Version: "E_SUBNET_VERSION",
  Mtu: "E_SUBNET_MTU",
  Guid: "E_SUBNET_GUID",
  Full: "E_SUBNET_FULL",
  Protocol: "E_SUBNET_PROTOCOL",
} as const;

/** Refuses a registration, with the members of an IpoibError. The message has the same form in every version. */
const RefusedSchema = v.object({
  type: v.literal("refused"),
  code: text,
  message: v.string(),
  hint: v.string(),
});
export type Refused = v.InferOutput<typeof RefusedSchema>;

/** An asynchronous event of the port, with the attributes that the port must set. They may be unchanged. */
const EventSchema = v.object({
  type: v.literal("event"),
  event: v.picklist([
    "client_reregister",
    "lid_change",
    "pkey_change",
    "port_error",
    "port_active",
  ]),
  lid: v.exactOptional(unicastLid),
  smLid: v.exactOptional(unicastLid),
  pkeys: v.exactOptional(pkeyTable),
});
export type SubnetEvent = v.InferOutput<typeof EventSchema>;

/**
 * Changes of the {@linkcode FabricMap}. The port applies removals before additions. An added port or changed group
 * replaces the entry with the same LID or MLID.
 */
const FabricUpdateSchema = v.object({
  type: v.literal("fabric"),
  portsRemoved: v.exactOptional(list(unicastLid)),
  portsAdded: v.exactOptional(list(FabricPortSchema)),
  groupsRemoved: v.exactOptional(list(mlid)),
  groupsChanged: v.exactOptional(list(FabricGroupSchema)),
});
export type FabricUpdate = v.InferOutput<typeof FabricUpdateSchema>;

/** The data that `ipoib subnet show` prints. MGIDs have the text form of IPv6 addresses. */
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
    /** Name of the interface whose process runs the manager, or `subnet run`. */
    name: v.string(),
  }),
  ports: v.array(v.object({
    lid: v.number(),
    guid: v.string(),
    name: v.string(),
    /** 0 if the process is in a PID namespace that that of the manager does not contain. */
    pid: v.number(),
    pkeys: v.array(v.number()),
    state: v.string(),
  })),
  partitions: v.array(v.object({
    name: v.string(),
    pkey: v.number(),
    ipoib: v.boolean(),
    /** `port`: a GUID, `ALL`, `ALL_CAS`, `ALL_SWITCHES`, `ALL_ROUTERS` or `SELF`. `membership`: full, limited, both. */
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
    /** True if the group exists without members. */
    permanent: v.boolean(),
    members: v.array(
      v.object({ lid: v.number(), guid: v.string(), joinState: v.number() }),
    ),
  })),
  /** Number of frames that the manager has dropped, by reason (frame_drops.ts). */
  dropped: v.exactOptional(v.record(v.string(), v.number())),
  /** True if ports, groups, partitions or members are omitted because the message would be too long. */
  truncated: v.exactOptional(v.boolean()),
});
export type SubnetSnapshot = v.InferOutput<typeof SubnetSnapshotSchema>;

/** Reply to a {@linkcode ShowRequest}. */
const ShowReplySchema = v.object({
  type: v.literal("show"),
  id: u32,
  subnet: SubnetSnapshotSchema,
});
export type ShowReply = v.InferOutput<typeof ShowReplySchema>;

/** Reply to a {@linkcode Ping}. */
const PongSchema = v.object({ type: v.literal("pong") });
export type Pong = v.InferOutput<typeof PongSchema>;

/** The messages of the manager. */
export type ManagerMessage =
  | Pong
  | Welcome
  | Refused
  | SubnetEvent
  | FabricUpdate
  | Faults
  | PortSettings
  | ShowReply;

/** Validates messages from a port. */
export const PortMessageSchema = v.union([
  HelloSchema,
  MembershipsSchema,
  ShowRequestSchema,
  FaultsTakenSchema,
  PingSchema,
  ForeignHelloSchema,
]);

/** Validates messages from the manager. */
export const ManagerMessageSchema = v.variant("type", [
  WelcomeSchema,
  RefusedSchema,
  EventSchema,
  FabricUpdateSchema,
  FaultsSchema,
  PortSettingsSchema,
  ShowReplySchema,
  PongSchema,
]);
