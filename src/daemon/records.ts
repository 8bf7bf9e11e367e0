/** Conversion of interfaces, neighbours, paths and groups to the records of the control socket. */

import { formatGuid } from "../base/hex.ts";
import { formatPkey, type Millis, mtuCodeBytes } from "../base/units.ts";
import type {
  ChildRecord,
  HcaRecord,
  LinkRecord,
  McgRecord,
  MtuChain,
  NeighRecord,
  PathRecord,
  Stats64,
  StatsRecord,
  TrafficRecord,
  TransportRecord,
} from "../ipc/schema.ts";
import { VERSION } from "../ipc/version.ts";
import type { PortAttributes } from "../hca/hca.ts";
import { unsentText } from "../sa/result.ts";
import type { IpoibDevice } from "../ipoib/device.ts";
import type { IpoibInterface } from "../ipoib/interface.ts";
import { flagNames, operstate } from "./link_flags.ts";
import { portRateMbps } from "../hca/port_rate.ts";
import { refusalOf } from "../ipoib/multicast/join_obstacle.ts";
import type { MulticastGroup } from "../ipoib/multicast/multicast_group.ts";
import type { Path } from "../ipoib/path.ts";
import type { Peer } from "../ipoib/peer.ts";
import type { Statistics } from "../ipoib/statistics.ts";
import { addTraffic, type Traffic, TrafficCount } from "../ipoib/traffic.ts";
import { formatGidLong } from "../wire/gid.ts";
import {
  formatLinkAddress,
  groupLinkAddress,
  type LinkAddress,
  linkAddressBytes,
} from "../wire/link_address.ts";
import { rateMbps } from "../base/rates.ts";

/** Data for records that does not belong to an interface. */
export interface RecordContext {
  port: PortAttributes;
  /** Counters of the port and its memberships. */
  counters: Record<string, number>;
  /** Name of the embedded subnet; undefined for a verbs device. */
  subnet: string | undefined;
  log: { destination: string; level: string };
  now: Millis;
}

export function linkRecord(
  iface: IpoibInterface,
  parent: IpoibInterface,
  context: RecordContext,
): LinkRecord {
  const { config } = iface.netdev;
  const { port } = context;
  const status = iface.netdev.status();
  return {
    ifindex: config.ifindex,
    ifname: config.name,
    ...(iface === parent ? {} : { link: parent.name }),
    flags: flagNames(iface, parent, status),
    mtu: config.mtu,
    qdisc: status.qdisc,
    operstate: operstate(iface, parent, status),
    linkmode: status.dormantMode ? "DORMANT" : "DEFAULT",
    group: status.group === 0 ? "default" : String(status.group),
    txqlen: status.txQueueLength,
    ...(status.alias === undefined ? {} : { ifalias: status.alias }),
    ...(status.addrGenMode === undefined
      ? {}
      : { inet6_addr_gen_mode: status.addrGenMode }),
    link_type: "infiniband",
    address: addressText(iface.address),
    broadcast: addressText(groupLinkAddress(iface.broadcastMgid)),
    promiscuity: status.promiscuity,
    allmulti: status.allmulti,
    min_mtu: status.minMtu,
    max_mtu: status.maxMtu,
    ...status.limits,
    linkinfo: {
      info_kind: "ipoib",
      info_data: {
        key: formatPkey(iface.pkey),
        mode: iface.connected.mode,
        umcast: iface.umcast ? "0001" : "0000",
      },
    },
    ...counted(iface, status.queueDrops),
    pkey: formatPkey(iface.pkey),
    ...partitionFields(iface),
    qpn: iface.qpn,
    gid: formatGidLong(port.gid),
    hca: hcaRecord(port, context.subnet),
    mtu_chain: chainRecord(iface),
    ...connectedRecord(iface),
    next_hops: iface.netdev.nextHopSource,
    state: iface.state,
    ...(iface.doubt === undefined ? {} : { membership_in_doubt: iface.doubt }),
    namespace: Number(iface.netdev.config.namespace.inode),
    pid: Deno.pid,
    log: context.log.destination,
    log_level: context.log.level,
    version: VERSION,
  };
}

function partitionFields(
  { pkeyIndex, isLimited, unreached }: IpoibInterface,
): Pick<LinkRecord, "pkey_index" | "membership" | "unreached"> {
  if (pkeyIndex < 0) return {};
  return {
    pkey_index: pkeyIndex,
    membership: isLimited ? "limited" : "full",
    ...(unreached.length > 0 ? { unreached } : {}),
  };
}

/** Formats a link-layer address as 20 bytes with colons. */
export function addressText(address: LinkAddress): string {
  return formatLinkAddress(linkAddressBytes(address));
}

/** Returns the numbers of connections, or why the interface cannot have any. */
function connectedRecord(
  { connected: { active, passive, obstacle } }: IpoibInterface,
): Pick<LinkRecord, "connections" | "no_connections"> {
  return {
    ...(active && passive
      ? {
        connections: { active: active.established, passive: passive.size },
      }
      : {}),
    ...(obstacle === undefined ? {} : { no_connections: obstacle }),
  };
}

function hcaRecord(
  port: PortAttributes,
  subnet: string | undefined,
): HcaRecord {
  return {
    device: port.device,
    port: port.port,
    link_layer: port.linkLayer,
    guid: formatGuid(port.portGuid),
    lid: port.lid,
    sm_lid: port.smLid,
    ...(port.lost === undefined ? {} : { lost: port.lost }),
    port_state: port.state.toUpperCase(),
    phys_state: port.physState,
    rate_mbps: portRateMbps(port),
    width: port.activeWidth,
    lane_mbps: port.laneMbps,
    ...(subnet === undefined ? {} : { subnet }),
  };
}

function chainRecord({ mtu }: IpoibInterface): MtuChain {
  const { group, admin, refused, ...chain } = mtu.chain;
  return {
    ...chain,
    ...(group === undefined ? {} : { group }),
    ...(admin === undefined ? {} : { admin }),
    ...(refused === undefined ? {} : { refused }),
  };
}

/** Returns the statistics and the drops by reason, including packets that the queue of the TAP dropped. */
function counted(
  { statistics }: IpoibInterface,
  queueDrops: number,
): { stats64: Stats64; drops: Record<string, number> } {
  return {
    stats64: stats64(statistics, queueDrops),
    drops: {
      ...statistics.dropsByReason(),
      ...(queueDrops === 0 ? {} : { tx_device_queue: queueDrops }),
    },
  };
}

function stats64({ totals }: Statistics, queueDrops: number): Stats64 {
  const total = totals.snapshot();
  return {
    rx: {
      bytes: total.rx_bytes,
      packets: total.rx_packets,
      errors: total.rx_errors,
      dropped: total.rx_dropped,
      over_errors: 0,
      multicast: total.multicast,
    },
    tx: {
      bytes: total.tx_bytes,
      packets: total.tx_packets,
      errors: total.tx_errors,
      dropped: total.tx_dropped + queueDrops,
      carrier_errors: 0,
      collisions: 0,
    },
  };
}

export function statsRecord(
  iface: IpoibInterface,
  context: RecordContext,
): StatsRecord {
  const counts = iface.statistics;
  const { queueDrops } = iface.netdev.status();
  return {
    ifname: iface.name,
    stats64: stats64(counts, queueDrops),
    drops: { ...counts.drops.snapshot(), tx_device_queue: queueDrops },
    counters: {
      ...framesAndPackets(iface),
      tx_arp: counts.arpSent,
      rx_arp: counts.arpReceived,
      tx_nd: counts.ndSent,
      rx_nd: counts.ndReceived,
      tx_dhcp: counts.dhcpSent,
      rx_dhcp: counts.dhcpReceived,
      ...counts.tables.snapshot(),
      ...counts.connections.snapshot(),
      ...Object.fromEntries(
        Object.entries(context.counters).map(([k, v]) => [`port_${k}`, v]),
      ),
    },
  };
}

/** Returns the counters that add up with the statistics and the drops (ipoib/statistics.ts). */
function framesAndPackets(
  { statistics: { totals }, waiting, netdev }: IpoibInterface,
) {
  return {
    tx_frames: totals.get("tx_frames"),
    tx_generated: totals.get("tx_generated"),
    tx_waiting: waiting,
    rx_received: totals.get("rx_received"),
    rx_frames: totals.get("rx_frames"),
    rx_coalesced: totals.get("rx_coalesced"),
    rx_writing: netdev.writing,
    rx_ignored: totals.get("rx_ignored"),
    rx_echoes: totals.get("rx_echoes"),
    rx_events: totals.get("rx_events"),
  };
}

/** Returns how packets to a peer are sent. */
function transportOf(
  { connected }: IpoibInterface,
  peer: Peer,
  now: Millis,
): TransportRecord {
  const active = connected.active?.find(peer);
  if (!active) return { transport: "ud" };
  const { state: connection } = active;
  if (connection !== "established") return { transport: "ud", connection };
  return {
    transport: "rc",
    connection,
    rc_qpn: active.remoteQpn,
    rc_mtu: active.mtu,
    rc_age_ms: Math.round(now - active.establishedAt),
  };
}

/** Returns the traffic of a peer on the UD queue pair and on connections, and the last round trip. */
function peerTraffic(
  { connected }: IpoibInterface,
  { traffic, address, roundTrips, roundTripMs }: Peer,
  now: Millis,
): TrafficRecord & Pick<NeighRecord, "rtt_ms" | "round_trips"> {
  const sum = traffic.slice();
  const received = connected.passive?.trafficOf(address);
  if (received) addTraffic(sum, received);
  return {
    ...trafficRecord(sum, now),
    ...(roundTrips
      ? {
        rtt_ms: Math.round(roundTripMs * 1000) / 1000,
        round_trips: {
          counts: [...roundTrips.counts],
          sum_seconds: roundTrips.sumSeconds,
        },
      }
      : {}),
  };
}

function trafficRecord(traffic: Traffic, now: Millis): TrafficRecord {
  const seenAt = traffic[TrafficCount.SeenAt]!;
  return {
    rx_packets: traffic[TrafficCount.RxPackets]!,
    rx_bytes: traffic[TrafficCount.RxBytes]!,
    tx_packets: traffic[TrafficCount.TxPackets]!,
    tx_bytes: traffic[TrafficCount.TxBytes]!,
    ...(seenAt === 0 ? {} : { seen_ms: Math.max(0, Math.round(now - seenAt)) }),
  };
}

/** Returns the kernel's neighbour entries with the link-layer addresses of this program. */
export function neighRecords(
  iface: IpoibInterface,
  now: Millis,
): NeighRecord[] {
  return iface.netdev.config.neighbours.list().map((entry) => {
    const neighbour = iface.neighbours.find(entry.address);
    const peer = neighbour?.peer;
    const address = peer?.address;
    return {
      dst: `${entry.address}`,
      dev: iface.name,
      ...(address
        ? {
          lladdr: addressText(address),
          qpn: address.qpn,
          gid: formatGidLong(address.gid),
        }
        : {}),
      ...(peer
        ? { ...transportOf(iface, peer, now), ...peerTraffic(iface, peer, now) }
        : {}),
      used: entry.used,
      confirmed: entry.confirmed,
      updated: entry.updated,
      probes: entry.probes,
      state: [entry.state],
      queued: neighbour?.queue.length ?? 0,
    };
  });
}

export function pathRecords(iface: IpoibInterface, now: Millis): PathRecord[] {
  return iface.paths.entries().map((path) => ({
    gid: formatGidLong(path.gid),
    dev: iface.name,
    complete: path.ah !== undefined,
    ...(path.ah && path.record
      ? {
        dlid: path.record.dlid,
        sl: path.record.sl,
        rate_mbps: rateMbps(path.record.rate) ?? 0,
        mtu: mtuCodeBytes(path.record.mtu) ?? 0,
        hoplimit: path.record.hopLimit,
      }
      : {}),
    ...(iface.connected.mode === "connected"
      ? {
        peers: iface.peers.on(path).map((peer) => ({
          qpn: peer.address.qpn,
          ...transportOf(iface, peer, now),
        })),
      }
      : {}),
    queued: path.waiters.length,
    ...pathFailure(path),
  })).sort((a, b) => a.gid < b.gid ? -1 : 1);
}

function pathFailure({ failure, unsent }: Path): Pick<PathRecord, "error"> {
  if (failure === undefined) return {};
  const status = `status -${failure}`;
  return { error: unsent ? `${status}: ${unsentText(failure)}` : status };
}

export function mcgRecords(iface: IpoibInterface, now: Millis): McgRecord[] {
  return iface.groups.entries().map((group) => ({
    mgid: formatGidLong(group.mgid),
    dev: iface.name,
    created_ms: Math.max(0, Math.round(now - group.createdAt)),
    queuelen: group.queue.length,
    ...trafficRecord(group.traffic, now),
    complete: group.ah !== undefined,
    send_only: group.sendOnly,
    join: group.progress,
    attached: group.attached,
    ...(group.record
      ? {
        mlid: group.record.mlid,
        qkey: group.record.qkey,
        mtu: mtuCodeBytes(group.record.mtu) ?? 0,
        rate_mbps: rateMbps(group.record.rate) ?? 0,
        sl: group.record.sl,
      }
      : {}),
    ...(group.progress === "waiting"
      ? { retry_ms: Math.max(0, Math.round(group.retryAt - now)) }
      : {}),
    ...failureOf(group),
  })).sort((a, b) => a.mgid < b.mgid ? -1 : 1);
}

function failureOf(group: MulticastGroup): Pick<McgRecord, "error" | "reason"> {
  if (group.failure === undefined) return {};
  const reason = refusalOf(group);
  return {
    error: `status -${group.failure}`,
    ...reason === undefined ? {} : { reason },
  };
}

export function childRecord(
  iface: IpoibInterface,
  device: IpoibDevice,
): ChildRecord {
  const { config } = iface.netdev;
  const kind = device.kindOf(iface);
  return {
    ifname: iface.name,
    link: device.parent.name,
    ...(kind === undefined ? {} : { kind }),
    ifindex: config.ifindex,
    pkey: formatPkey(iface.pkey),
    operstate: operstate(iface, device.parent, iface.netdev.status()),
    state: iface.state,
  };
}
