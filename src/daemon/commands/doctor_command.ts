/**
 * Command `doctor`: queries the subnet administrator for the broadcast group, listens for other users of the interface's
 * addresses, and looks up the route to a peer.
 *
 * The command changes nothing on the link: the query is no join, and the probes create no neighbour entries.
 */

import { mtuCodeBytes } from "../../base/units.ts";
import { portRateCode } from "../../hca/port_rate.ts";
import type { DoctorRecord } from "../../ipc/schema.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import type { Route } from "../../netdev/net_config.ts";
import { groupQuery } from "../../sa/requests.ts";
import { type SaResult, unsentText } from "../../sa/result.ts";
import { Errno, errnoText } from "../../base/errno.ts";
import { formatGid } from "../../wire/gid.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import { samePrefix } from "../../wire/ipv4_address.ts";
import { sameIpv6Prefix } from "../../wire/ipv6_address.ts";
import { linkAddressText } from "../../wire/link_address.ts";
import { formatMadStatus, MadStatus } from "../../wire/mad.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import { Later } from "../thread/commands.ts";
import {
  type CommandContext,
  type DataCommands,
  findInterface,
} from "./context.ts";
import { ipAddress } from "./table_commands.ts";

/** Time for replies to the probes, in milliseconds: many round trips, and a fraction of the user's patience. */
const LISTEN_MS = 500;
/** Protocol of the flow whose route is looked up, in both families: that of ping over IPv4. */
const ICMP = 1;

/** The administrator's part of the record. */
type Reply = Pick<DoctorRecord, "administrator" | "broadcast">;

export const doctorCommands = {
  "doctor": (context, { name, peer }) => {
    const iface = findInterface(context, name);
    const route = peer === undefined
      ? undefined
      : routeTo(iface, ipAddress(peer));
    return new Later((done) => {
      const begin = context.reactor.clock.now();
      let reply: Reply | undefined;
      let listened = false;
      const finish = () => {
        if (!reply || !listened) return;
        done({
          ifname: iface.name,
          ...reply,
          ...localFacts(context, iface),
          conflicts: iface.conflictsSince(begin).map(({ address, other }) => ({
            address: `${address}`,
            lladdr: linkAddressText(other),
          })),
          ...(route ? { route } : {}),
        });
      };
      const timer = context.reactor.timer(() => {
        timer.close();
        listened = true;
        finish();
      });
      timer.at(begin + LISTEN_MS);
      iface.probeAddresses();
      askAdministrator(context, iface, (answer) => {
        reply = answer;
        finish();
      });
    });
  },
} satisfies Partial<DataCommands>;

/** Queries the broadcast group. The client of the administrator ends the query after three seconds. */
function askAdministrator(
  { sa, port, reactor }: CommandContext,
  { broadcastMgid }: IpoibInterface,
  done: (reply: Reply) => void,
): void {
  const { linkLayer, state, smLid } = port.attributes;
  const unreachable = state !== "active"
    ? `the port is ${state}`
    : linkLayer === "infiniband" && smLid === 0
    ? "the port has no SM LID"
    : undefined;
  if (unreachable !== undefined) {
    done({ administrator: { error: unreachable } });
    return;
  }
  const begin = reactor.clock.now();
  sa.get(groupQuery(broadcastMgid), begin, (result, now) => {
    done(replyOf(result, Math.round(now - begin)));
  });
}

function replyOf(result: SaResult<McMemberRecord>, ms: number): Reply {
  if (result.ok) {
    return {
      administrator: { reply_ms: ms },
      broadcast: groupRecord(result.record),
    };
  }
  const { status, errno, unsent } = result;
  if (status === MadStatus.NoRecords) {
    return { administrator: { reply_ms: ms } };
  }
  const error = unsent
    ? unsentText(errno)
    : status !== MadStatus.Ok
    ? `it replies with status ${formatMadStatus(status)}`
    : errno === Errno.ETIMEDOUT
    ? "no reply"
    : errnoText(errno);
  return { administrator: { error } };
}

function groupRecord(
  record: McMemberRecord,
): NonNullable<DoctorRecord["broadcast"]> {
  return {
    mgid: formatGid(record.mgid),
    mlid: record.mlid,
    pkey: record.pkey,
    qkey: record.qkey,
    mtu: mtuCodeBytes(record.mtu) ?? 0,
    rate_code: record.rate,
    sl: record.sl,
    tclass: record.tclass,
    flow_label: record.flowLabel,
    hop_limit: record.hopLimit,
  };
}

/** Returns what needs no waiting. */
function localFacts(
  { port: { attributes } }: CommandContext,
  iface: IpoibInterface,
): Pick<DoctorRecord, "broadcast_mgid" | "port" | "neighbours"> {
  const { neighbours } = iface.netdev.config;
  const limit = neighbours.limit();
  const rateCode = portRateCode(attributes);
  return {
    broadcast_mgid: formatGid(iface.broadcastMgid),
    port: {
      mtu: attributes.activeMtu,
      ...(rateCode === undefined ? {} : { rate_code: rateCode }),
      pkeys: [...attributes.pkeys],
    },
    neighbours: {
      entries: neighbours.list().length,
      ...(limit === undefined ? {} : { limit }),
    },
  };
}

function routeTo(
  iface: IpoibInterface,
  peer: IpAddress,
): NonNullable<DoctorRecord["route"]> {
  const route = iface.netdev.config.route({
    destination: peer,
    source: sourceFor(iface, peer),
    tos: 0,
    protocol: ICMP,
    ...{ sourcePort: 0, destinationPort: 0 },
  });
  return { type: route.type, next_hops: nextHops(route) };
}

function nextHops(route: Route): string[] {
  return route.type === "unicast"
    ? route.legs.map(({ nextHop }) => `${nextHop}`)
    : [];
}

/** Returns the interface's address in the subnet of the peer, else the first of its family, else the unspecified one. */
function sourceFor({ netdev }: IpoibInterface, peer: IpAddress): IpAddress {
  const own = netdev.config.addresses.filter(({ address }) =>
    address.isIpv4 === peer.isIpv4
  );
  const near = own.find(({ address, prefixLength }) =>
    peer.isIpv4
      ? samePrefix(address.w3, peer.w3, prefixLength)
      : sameIpv6Prefix(address, peer, prefixLength)
  );
  return (near ?? own[0])?.address ??
    (peer.isIpv4 ? IpAddress.ipv4(0) : new IpAddress(0, 0, 0, 0));
}
