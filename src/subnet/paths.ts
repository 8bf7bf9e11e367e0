/**
 * PathRecord queries: paths between ports, and to groups (IBTA vol. 1 15.2.5.16, with OpenSM's behavior).
 *
 * There is one path between any two ports, through one switch, so no path needs a GRH (HopLimit 0). If a request is for
 * less than the link provides, the path is limited to it (path_limits.ts).
 */

import { pkeysMatch } from "../base/units.ts";
import { DEFAULT_SUBNET_PREFIX, gidGuid, gidPrefix } from "../wire/gid.ts";
import { MadStatus } from "../wire/mad.ts";
import { PathMask, PathRecord } from "../wire/sa/path_record.ts";
import { Selector } from "../wire/sa/selector.ts";
import { undefinedCode } from "./group_match.ts";
import { pathsToGroup } from "./group_paths.ts";
import { sharePartition } from "./join.ts";
import { pathLimits } from "./path_limits.ts";
import { inPkeyOrder } from "./partitions.ts";
import type { EndPoint } from "./ports.ts";
import { SaRefusal } from "./refusal.ts";
import type { Subnet } from "./subnet.ts";

/**
 * Returns the paths that match the request: all paths for a table, otherwise the first.
 *
 * @throws SaRefusal if an MTU or rate code is undefined, if the component mask has only one half of ServiceID, or if a
 *   GID and the corresponding LID belong to different ports.
 */
export function queryPaths(
  subnet: Subnet,
  requester: EndPoint,
  request: PathRecord,
  mask: bigint,
  table: boolean,
): PathRecord[] {
  const code = undefinedCode(request, mask, PathMask);
  if (code !== undefined) throw new SaRefusal(MadStatus.RequestInvalid, code);
  const service = mask & PathMask.ServiceId;
  if (service !== 0n && service !== PathMask.ServiceId) {
    throw new SaRefusal(
      MadStatus.InsufficientComponents,
      "only half of ServiceID is in the component mask",
    );
  }
  const given = <T>(bit: bigint, value: T) =>
    (mask & bit) !== 0n ? value : undefined;
  // Get ignores NumbPath and returns one path.
  const none = table && given(PathMask.NumbPath, request.numbPath) === 0;
  if (given(PathMask.Dgid, request.dgid[0]) === 0xff) {
    return none ? [] : pathsToGroup(subnet, request, mask);
  }
  const sources = endPoints(
    subnet,
    given(PathMask.Sgid, request.sgid),
    given(PathMask.Slid, request.slid),
  );
  const destinations = endPoints(
    subnet,
    given(PathMask.Dgid, request.dgid),
    given(PathMask.Dlid, request.dlid),
  );
  if (none || sources.length === 0 || destinations.length === 0) return [];
  const paths: PathRecord[] = [];
  for (const destination of samePort(destinations)) {
    if (!sharePartition(requester, destination)) continue;
    for (const source of samePort(sources)) {
      if (!sharePartition(requester, source)) continue;
      const path = pathBetween(subnet, source, destination, request, mask);
      if (path === undefined) continue;
      paths.push(path);
      if (!table) return paths;
    }
  }
  return paths;
}

/**
 * Returns the candidates for one end of a path: all ports without GID and LID, otherwise the port that has the GID or
 * the LID. With both, returns the pair of ports that they name. Returns an empty list if a GID or LID is unknown.
 */
function endPoints(
  subnet: Subnet,
  gid: Uint8Array | undefined,
  lid: number | undefined,
): (EndPoint | [EndPoint, EndPoint])[] {
  if (gid === undefined && lid === undefined) return subnet.endPoints;
  const prefixes = [subnet.prefix, DEFAULT_SUBNET_PREFIX];
  const byGid = gid && prefixes.includes(gidPrefix(gid))
    ? subnet.endPointOf(gidGuid(gid))
    : undefined;
  const byLid = lid === undefined ? undefined : subnet.endPointAt(lid);
  if (gid === undefined) return byLid ? [byLid] : [];
  if (lid === undefined) return byGid ? [byGid] : [];
  return byGid && byLid ? [[byGid, byLid]] : [];
}

/** Returns the ports. Throws SaRefusal if GID and LID name different ports. */
function samePort(ends: (EndPoint | [EndPoint, EndPoint])[]): EndPoint[] {
  return ends.map((end) => {
    if (!Array.isArray(end)) return end;
    if (end[0].guid === end[1].guid) return end[0];
    throw new SaRefusal(
      MadStatus.RequestInvalid,
      `the GID and LID ${end[1].lid} belong to different ports`,
    );
  });
}

function pathBetween(
  subnet: Subnet,
  source: EndPoint,
  destination: EndPoint,
  request: PathRecord,
  mask: bigint,
): PathRecord | undefined {
  const loop = source.guid === destination.guid;
  const limits = pathLimits(subnet, loop, request, mask);
  const raw = (mask & PathMask.RawTraffic) !== 0n && request.rawTraffic;
  const asked = !raw && (mask & PathMask.Pkey) !== 0n;
  const pkey = sharedPkey(
    source,
    destination,
    asked ? request.pkey : undefined,
  );
  if (limits === undefined || pkey === undefined) return undefined;
  return PathRecord.of({
    dgid: destination.gid,
    sgid: source.gid,
    dlid: destination.lid,
    slid: source.lid,
    reversible: true,
    pkey: raw ? 0 : pkey,
    sl: (mask & PathMask.Sl) !== 0n ? request.sl : slOf(subnet, pkey),
    mtuSelector: Selector.Exactly,
    mtu: limits.mtu,
    rateSelector: Selector.Exactly,
    rate: limits.rate,
    lifetimeSelector: Selector.Exactly,
    lifetime: loop ? 0 : limits.lifetime,
  });
}

/** Returns the requested P_Key if the ports can communicate with it; without a request, the first such source P_Key. */
function sharedPkey(
  source: EndPoint,
  destination: EndPoint,
  asked?: number,
): number | undefined {
  for (const a of inPkeyOrder(source.pkeys)) {
    if (asked !== undefined && ((a ^ asked) & 0x7fff) !== 0) continue;
    // A limited member has a path to itself.
    if (source.guid === destination.guid) return asked ?? a;
    for (const b of destination.pkeys) {
      if (pkeysMatch(a, b)) return asked ?? a;
    }
  }
  return undefined;
}

/** Returns the service level of a partition. */
function slOf(subnet: Subnet, pkey: number): number {
  const base = pkey & 0x7fff;
  return subnet.partitions.find((p) => p.pkey === base)?.ipoib?.sl ?? 0;
}
