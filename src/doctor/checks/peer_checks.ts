/** Checks of the way to a peer: route, echo requests, neighbour entry, path and connection. */

import { shortGid } from "../../base/gid_text.ts";
import { Errno, errnoText } from "../../base/errno.ts";
import { hex } from "../../base/hex.ts";
import { formatPid } from "../../base/units.ts";
import type {
  DoctorRecord,
  NeighRecord,
  PathRecord,
} from "../../ipc/schema.ts";
import type { EchoFacts, PeerFacts } from "../facts.ts";
import {
  type Check,
  failure,
  type Finding,
  ok,
  skipped,
  warning,
} from "../finding.ts";
import { guidOf, isEmbedded, noLink } from "../link.ts";

export const peerChecks: readonly Check<PeerFacts>[] = [
  { name: "route", run: route },
  { name: "neighbour", run: neighbour },
  { name: "peer port", run: peerPort },
  { name: "path", run: path },
  { name: "connection", run: connection },
  { name: "ping", run: ping },
  { name: "ping full size", run: fullPing },
];

function route(facts: PeerFacts): Finding {
  const { peer, route } = facts;
  if (!("value" in route)) return skipped(route.why);
  const { type, next_hops: hops } = route.value;
  return noPeer(facts, type) ?? noRoute(facts, type) ?? otherInterface(facts) ??
    ok(hops.includes(peer) ? "on the link" : `through ${hops.join(", ")}`);
}

type RouteType = NonNullable<DoctorRecord["route"]>["type"];

/** Returns a failure if the address is not that of another host. */
function noPeer(
  { peer, link: { ifname }, ownAddresses }: PeerFacts,
  type: RouteType,
): Finding | undefined {
  const remedy = "give the address of another host";
  if (type === "broadcast" || type === "multicast") {
    return failure(`${peer} is a ${type} address`, remedy);
  }
  return isOwn(peer, ownAddresses)
    ? failure(`${peer} is an address of ${ifname} itself`, remedy)
    : undefined;
}

/** Without a bound device, the kernel has no source address for a peer without a route. */
function noRoute(
  { peer, link: { ifname }, source }: PeerFacts,
  type: RouteType,
): Finding | undefined {
  const unroutable = "value" in source && source.value === undefined;
  return type === "none" || unroutable
    ? failure(
      `the kernel has no route to ${peer} through ${ifname}`,
      `see ip route get ${peer}; an address in the peer's subnet makes a route: ip addr add ADDRESS/LENGTH dev ${ifname}`,
    )
    : undefined;
}

function otherInterface(
  { peer, link: { ifname }, source, elsewhere, ownAddresses }: PeerFacts,
): Finding | undefined {
  if ("value" in elsewhere && elsewhere.value) {
    return warning(
      `the kernel does not send to ${peer} through ${ifname}`,
      `ip route get ${peer} shows the interface that is used: ipoib doctor IF ${peer} examines that one`,
    );
  }
  if (!("value" in source && "value" in ownAddresses)) return undefined;
  const { value: from } = source;
  return from === undefined || isOwn(from, ownAddresses) ? undefined : warning(
    `the kernel sends from ${from}, which is not an address of ${ifname}`,
    `ip route get ${peer} shows the interface that is used; this examination uses ${ifname}`,
  );
}

function isOwn(address: string, own: PeerFacts["ownAddresses"]): boolean {
  return "value" in own && own.value.some(({ local }) => local === address);
}

function neighbour(facts: PeerFacts): Finding {
  const why = unroutable(facts);
  if (why !== undefined) return skipped(why);
  if (!("value" in facts.neighbours)) return skipped(facts.neighbours.why);
  const entry = entryOf(facts);
  const hop = nextHop(facts);
  const { link, peer } = facts;
  const place = hop === peer ? "" : `next hop ${hop} `;
  if (entry?.lladdr === undefined) {
    return failure(
      `${place}has no link-layer address${
        entry ? ` (${entry.state.join(",")})` : ""
      }: it does not answer ${
        hop.includes(":") ? "neighbour discovery" : "ARP"
      }`,
      unanswered(facts),
    );
  }
  const { state } = entry;
  if (state.includes("FAILED")) {
    return failure(
      `${place}does not answer any more (FAILED)`,
      unanswered(facts),
    );
  }
  const text = `${place}${state.join(",")}`;
  const details = [`lladdr ${entry.lladdr}`];
  return state.includes("PERMANENT")
    ? ok(
      `${text}: a static entry, see ipoib neigh show ${link.ifname}`,
      details,
    )
    : ok(text, details);
}

/** Returns the likely reasons why a neighbour does not answer. */
function unanswered(facts: PeerFacts): string {
  const { link } = facts;
  const limited = (link.unreached ?? []).find(({ destination }) =>
    destination === nextHop(facts)
  );
  if (limited) return limited.reason;
  if (stoppedPeers(facts).length > 0) {
    return `is it one of the stopped processes? kill -CONT ${
      stoppedPeers(facts).join(" ")
    }`;
  }
  return `is the peer up, and on P_Key ${link.pkey}? On it: ipoib link show -d, or ip -d link`;
}

/** The port of the neighbour, as the manager of an embedded subnet knows it. */
function peerPort(facts: PeerFacts): Finding | undefined {
  const { subnet, link } = facts;
  if (!subnet || !("value" in subnet.record)) return undefined;
  const gid = entryOf(facts)?.gid;
  if (gid === undefined) return skipped("the neighbour's GID is unknown");
  const guid = guidOf(gid);
  const port = subnet.record.value.ports.find((each) => each.guid === guid);
  if (!port) {
    return failure(
      `no port of subnet ${subnet.name} has GUID ${guid}`,
      `the process of the peer has ended; ip neigh flush dev ${link.ifname} forgets the entry`,
    );
  }
  const label = `${port.name} lid ${hex(port.lid)}`;
  if (port.state === "down") {
    return failure(
      `${label} is down`,
      `ipoib subnet fault ${subnet.name} port ${hex(port.lid)} up`,
    );
  }
  return subnet.stoppedPids.includes(port.pid)
    ? failure(
      `${label}: its process is stopped`,
      `kill -CONT ${port.pid}`,
    )
    : ok(`${label}, ${formatPid(port.pid)}`);
}

function path(facts: PeerFacts): Finding {
  const { paths, link } = facts;
  if (!("value" in paths)) return skipped(paths.why);
  const gid = entryOf(facts)?.gid;
  if (gid === undefined) return skipped("the neighbour's GID is unknown");
  const found = paths.value.find((each) => each.gid === gid);
  if (!found) return skipped("no path was needed");
  if (!found.complete) {
    return failure(
      `the administrator has no path to ${shortGid(gid)}: ${
        found.error ?? "no reply"
      }`,
      isEmbedded(link.hca)
        ? `the peer's port is gone or in no common partition: ipoib subnet show ${link.hca.subnet}`
        : `saquery -p --dgid ${
          shortGid(gid)
        }; both ports need a common partition with one full member`,
    );
  }
  return pathOk(found);
}

function pathOk({ gid, dlid = 0, sl, mtu, rate_mbps: rate = 0 }: PathRecord) {
  return ok(`LID ${hex(dlid)}, SL ${sl}, MTU ${mtu}, ${rate / 1000} Gb/sec`, [
    `GID ${shortGid(gid)}`,
  ]);
}

function connection(facts: PeerFacts): Finding | undefined {
  if (facts.link.linkinfo.info_data.mode !== "connected") return undefined;
  const entry = entryOf(facts);
  if (!entry) return skipped("the neighbour is unknown");
  switch (entry.connection) {
    case "established":
      return ok(`established, MTU ${entry.rc_mtu}`);
    case "refused":
      return warning(
        "the peer refuses connections; packets are sent as datagrams",
        "is connected mode possible at the peer (ipoib link show -d), and its --max-connections large enough?",
      );
    case undefined:
      return warning(
        "the peer accepts no connections",
        "its link-layer address has no flag 0x80: its driver or port has no connected mode",
      );
    default:
      return warning(
        `not established (${entry.connection})`,
        "packets are sent as datagrams meanwhile; see the log of the interface",
      );
  }
}

function ping(facts: PeerFacts): Finding {
  const why = unroutable(facts);
  if (why !== undefined) return skipped(why);
  const { small } = facts;
  if (!("value" in small)) return skipped(small.why);
  const { sent, answered } = small.value;
  if (!answered) {
    return failure(
      `${sized(small.value)} was not answered${reasonOf(small.value)}`,
      "see the lines above; if they are ok, a firewall or icmp_echo_ignore_all at the peer may drop echo requests",
    );
  }
  return sent > 1
    ? warning(
      `${sized(small.value)} was answered only at attempt ${sent}`,
      "packets are lost: see counters and faults",
    )
    : answeredPing(small.value);
}

function fullPing(facts: PeerFacts): Finding {
  const { small, full, link } = facts;
  const why = unroutable(facts);
  if (why !== undefined) return skipped(why);
  if ("value" in small && !small.value.answered) {
    return skipped("the small one was not answered");
  }
  if (!("value" in full)) return skipped(full.why);
  const { value } = full;
  if (value.answered) {
    return value.sent > 1
      ? warning(
        `${sized(value)} was answered only at attempt ${value.sent}`,
        "packets are lost: see counters and faults",
      )
      : answeredPing(value);
  }
  if (value.errno === Errno.EMSGSIZE) {
    return warning(
      `${sized(value)} is too long: the MTU of the path is ${
        value.pathMtu ?? "smaller"
      }`,
      link.linkinfo.info_data.mode === "connected"
        ? "the peer is reached with datagrams, or was until a moment ago: see connection; ip route flush cache forgets the MTU"
        : "a router or a route limits the MTU: ip route get, tracepath",
    );
  }
  return failure(
    `${sized(value)} was not answered${reasonOf(value)}, the small one was`,
    `the peer, a switch or a router has a smaller MTU: compare the MTU line with that of the peer; ip link set ${link.ifname} mtu 2044`,
  );
}

function sized({ length }: EchoFacts): string {
  return `an echo request of ${length} bytes`;
}

function reasonOf({ errno }: EchoFacts): string {
  return errno === 0 ? "" : `: ${errnoText(errno)}`;
}

function answeredPing(echo: EchoFacts): Finding {
  return ok(`${echo.length} bytes, ${(echo.rttMs ?? 0).toFixed(2)} ms`);
}

/** Returns why no packet can be sent to the peer; undefined if one can. */
function unroutable(
  { link, route, source, elsewhere }: PeerFacts,
): string | undefined {
  const none = "value" in source && source.value === undefined ||
    "value" in route && route.value.type !== "unicast";
  const others = "value" in elsewhere && elsewhere.value;
  return noLink(link) ??
    (none
      ? "there is no route"
      : others
      ? "the kernel uses another interface"
      : undefined);
}

/** Returns the next hop to the peer: the peer itself if the route is not known. */
function nextHop({ peer, route }: PeerFacts): string {
  const hops = "value" in route ? route.value.next_hops : [];
  return hops[0] ?? peer;
}

function entryOf(facts: PeerFacts): NeighRecord | undefined {
  const { neighbours } = facts;
  if (!("value" in neighbours)) return undefined;
  const hop = nextHop(facts);
  return neighbours.value.find(({ dst }) => dst === hop);
}

/** Returns the PIDs of stopped processes on the subnet of the interface. */
function stoppedPeers({ subnet }: PeerFacts): readonly number[] {
  return subnet?.stoppedPids ?? [];
}
