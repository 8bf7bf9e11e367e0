/** The records of `link.show` and of children. */

import { formatGuid } from "../../base/hex.ts";
import { formatPkey } from "../../base/units.ts";
import type { PortAttributes } from "../../hca/port_attributes.ts";
import { portRateMbps } from "../../hca/port_rate.ts";
import type {
  ChildRecord,
  HcaRecord,
  LinkRecord,
  MtuChain,
} from "../../ipc/schema.ts";
import { VERSION } from "../../ipc/version.ts";
import type { IpoibDevice } from "../../ipoib/device.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import { formatGidLong } from "../../wire/gid.ts";
import { groupLinkAddress, linkAddressText } from "../../wire/link_address.ts";
import { flagNames, operstate } from "../link_flags.ts";
import { counted, type RecordContext } from "./stats_record.ts";

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
    address: linkAddressText(iface.address),
    broadcast: linkAddressText(groupLinkAddress(iface.broadcastMgid)),
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
