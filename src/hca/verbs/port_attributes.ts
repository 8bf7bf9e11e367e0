/** Queries the attributes of a device and of its ports through libibverbs. */

import type { Libibverbs } from "../../../ffi/libibverbs.ts";
import { Ibv, IbvDeviceAttr, IbvPortAttr } from "../../../ffi/verbs_layout.ts";
import { IpoibError } from "../../base/errors.ts";
import {
  type IbMtu,
  ibMtuBytes,
  MAX_IB_MTU,
  MIN_IB_MTU,
  mtuCodeBytes,
} from "../../base/units.ts";
import { Errno } from "../../base/errno.ts";
import { lastError } from "../../system/errno.ts";
import { gidGuid } from "../../wire/gid.ts";
import type { PortAttributes, PortState } from "../port_attributes.ts";
import type { VerbsCounters } from "./counters.ts";
import type { VerbsDevice } from "./device.ts";
import { laneMbps, lanes } from "./lanes.ts";
import type { PkeyTable } from "./pkey_table.ts";

/** Port states, indexed by `enum ibv_port_state`. */
const STATES: readonly PortState[] = [
  "down",
  "down",
  "init",
  "armed",
  "active",
  "active",
];

/** Names of the physical states (IBTA vol. 1 table 146) as in sysfs, indexed by state. */
const PHYSICAL_STATES = [
  "<unknown>",
  "Sleep",
  "Polling",
  "Disabled",
  "PortConfigurationTraining",
  "LinkUp",
  "LinkErrorRecovery",
  "Phy Test",
];

/** The attributes of a device, which do not change. */
export interface DeviceAttributes {
  readonly firmware: string;
  /** Number of ports. */
  readonly ports: number;
  /** True if the device verifies the checksums of packets that a UD queue pair receives. */
  readonly receiveChecksum: boolean;
  /** Maximum number of requests of a shared receive queue; 0 if there are no such queues. */
  readonly sharedReceives: number;
  /** True if connections are supported; otherwise the reason why they are not. */
  readonly connections: true | string;
}

/**
 * Queries the attributes of a device. Throws `E_VERBS`.
 *
 * @param connections true if connections are supported; otherwise the reason why they are not
 */
export function queryDevice(
  device: VerbsDevice,
  connections: true | string,
): DeviceAttributes {
  const bytes = new Uint8Array(IbvDeviceAttr.Size);
  const result = device.library.ibv_query_device(device.context, bytes);
  if (result !== 0) {
    throw lastError("E_VERBS", `query InfiniBand device ${device.name}`, {
      errno: Math.abs(result),
    });
  }
  const view = new DataView(bytes.buffer);
  const flags = view.getUint32(IbvDeviceAttr.CapabilityFlags, true);
  const queues = view.getInt32(IbvDeviceAttr.MaxSrq, true);
  const text = new TextDecoder().decode(bytes.subarray(0, 64));
  return {
    firmware: text.slice(0, text.indexOf("\0")),
    ports: bytes[IbvDeviceAttr.PortCount]!,
    receiveChecksum: (flags & Ibv.DEVICE_UD_IP_CSUM) !== 0,
    sharedReceives: queues === 0
      ? 0
      : view.getInt32(IbvDeviceAttr.MaxSrqWr, true),
    connections,
  };
}

/** The members of a {@linkcode VerbsDevice} that the queries of a port use. */
export type QueriedDevice =
  & Pick<VerbsDevice, "name" | "context" | "queryPort">
  & { library: Pick<Libibverbs, "ibv_query_gid" | "ibv_query_pkey"> };

/**
 * Queries the current attributes of a port. Throws `E_VERBS`, or `E_HCA` (ENODEV) if the port does not exist.
 *
 * @param port number, from 1
 * @param largeSends true if the send memory has space for large sends
 * @param pkeys reads the P_Key table if it may have changed
 * @param gidIndex index of the port's own GID: 0, except on Ethernet
 */
export function queryPort(
  device: QueriedDevice,
  port: number,
  { firmware, ports, receiveChecksum, sharedReceives, connections }:
    DeviceAttributes,
  largeSends: boolean,
  pkeys: PkeyTable,
  gidIndex = 0,
): PortAttributes {
  if (port > ports) {
    throw new IpoibError(
      "E_HCA",
      `InfiniBand device ${device.name} has no port ${port}`,
      { errno: Errno.ENODEV, hint: `use ${device.name}/1` },
    );
  }
  const bytes = new Uint8Array(IbvPortAttr.Size);
  const result = device.queryPort(port, bytes);
  if (result !== 0) {
    throw lastError("E_VERBS", `query port ${port} of ${device.name}`, {
      errno: Math.abs(result),
    });
  }
  const view = new DataView(bytes.buffer);
  const gid = queryGid(device, port, gidIndex);
  // XDR does not fit the older member.
  const speed = view.getUint32(IbvPortAttr.ActiveSpeedEx, true) ||
    view.getUint8(IbvPortAttr.ActiveSpeed);
  const ethernet =
    view.getUint8(IbvPortAttr.LinkLayer) === Ibv.LINK_LAYER_ETHERNET;
  return {
    device: device.name,
    port,
    linkLayer: ethernet ? "ethernet" : "infiniband",
    state: STATES[view.getInt32(IbvPortAttr.State, true)] ?? "down",
    physState: PHYSICAL_STATES[view.getUint8(IbvPortAttr.PhysState)] ??
      PHYSICAL_STATES[0]!,
    lid: view.getUint16(IbvPortAttr.Lid, true),
    lmc: view.getUint8(IbvPortAttr.Lmc),
    smLid: view.getUint16(IbvPortAttr.SmLid, true),
    smSl: view.getUint8(IbvPortAttr.SmSl),
    portGuid: gidGuid(gid),
    gid,
    maxMtu: portMtu(view.getInt32(IbvPortAttr.MaxMtu, true)),
    activeMtu: portMtu(view.getInt32(IbvPortAttr.ActiveMtu, true)),
    grhRequired:
      (view.getUint8(IbvPortAttr.Flags) & Ibv.QPF_GRH_REQUIRED) !== 0,
    activeWidth: lanes(view.getUint8(IbvPortAttr.ActiveWidth)),
    laneMbps: laneMbps(speed),
    pkeys: pkeys.read(
      device,
      port,
      view.getUint16(IbvPortAttr.PkeyTableLength, true),
    ),
    firmware,
    busInfo: device.name,
    capabilities: {
      transmitChecksum: true,
      receiveChecksum,
      segmentation: largeSends ? "requests" : "none",
      connectionManagement: connections,
      // As with ib_ipoib: a lost packet ends the connection, and the next one establishes it again.
      connectionRetries: 0,
      sharedReceiveQueue: sharedReceives > 0,
    },
  };
}

/**
 * Returns the attributes of a port after an event. A port that cannot be queried, for example because its device is
 * gone, is returned as down, and counted: the event must not end the interfaces of the port.
 */
export function attributesAfterEvent(
  query: () => PortAttributes,
  before: PortAttributes,
  counted: VerbsCounters,
): PortAttributes {
  try {
    return query();
  } catch (error) {
    if (!(error instanceof IpoibError)) throw error;
    counted.add("query_failed");
    return { ...before, state: "down" };
  }
}

/** Returns the MTU of a code: at most that of InfiniBand for one of Omni-Path, the smallest for an undefined one. */
function portMtu(code: number): IbMtu {
  return mtuCodeBytes(code) === undefined
    ? MIN_IB_MTU
    : ibMtuBytes(code) ?? MAX_IB_MTU;
}

function queryGid(
  { name, library, context }: QueriedDevice,
  port: number,
  index: number,
): Uint8Array {
  const gid = new Uint8Array(16);
  if (library.ibv_query_gid(context, port, index, gid) !== 0) {
    throw lastError("E_VERBS", `read the GID of ${name}/${port}`);
  }
  return gid;
}
