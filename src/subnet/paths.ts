/**
 * PathRecords: how a port reaches another one or a group (IBTA vol. 1 15.2.5.16; OpenSM's
 * osm_sa_path_record.c).
 *
 * There is one path between any two ports, through one switch: it never needs a GRH (HopLimit 0).
 */

import { ibMtuBytes, pkeysMatch } from "../base/units.ts";
import { gidGuid, gidPrefix } from "../wire/gid.ts";
import { MadStatus } from "../wire/mad.ts";
import { PathMask, PathRecord } from "../wire/sa/path_record.ts";
import { rateMbps } from "../wire/sa/rate.ts";
import { Selector, selectorAllows } from "../wire/sa/selector.ts";
import { undefinedCode } from "./group_match.ts";
import { sharePartition } from "./join.ts";
import { hasPkey } from "./partitions.ts";
import type { SubnetPort } from "./ports.ts";
import { SaRefusal } from "./refusal.ts";
import { LINK, PACKET_LIFETIME, type Subnet } from "./subnet.ts";

/**
 * All paths that fit the request.
 *
 * @throws SaRefusal
 */
export function queryPaths(
  subnet: Subnet,
  requester: SubnetPort,
  request: PathRecord,
  mask: bigint,
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
  if ((mask & PathMask.Dgid) !== 0n && request.dgid[0] === 0xff) {
    return pathsToGroup(subnet, requester, request, mask);
  }
  const sources = endPoints(
    subnet,
    (mask & PathMask.Sgid) !== 0n ? request.sgid : undefined,
    (mask & PathMask.Slid) !== 0n ? request.slid : undefined,
  );
  const destinations = endPoints(
    subnet,
    (mask & PathMask.Dgid) !== 0n ? request.dgid : undefined,
    (mask & PathMask.Dlid) !== 0n ? request.dlid : undefined,
  );
  const paths: PathRecord[] = [];
  for (const source of sources) {
    if (!sharePartition(requester, source)) continue;
    for (const destination of destinations) {
      if (!sharePartition(requester, destination)) continue;
      const path = pathBetween(subnet, source, destination, request, mask);
      if (path !== undefined) paths.push(path);
    }
  }
  return paths;
}

/** The ports that a GID and a LID may mean; absent ones mean any. */
function endPoints(
  subnet: Subnet,
  gid: Uint8Array | undefined,
  lid: number | undefined,
): SubnetPort[] {
  if (gid === undefined && lid === undefined) return [...subnet.ports];
  const byGid = gid && gidPrefix(gid) === subnet.prefix
    ? subnet.ports.byGuid(gidGuid(gid))
    : undefined;
  const byLid = lid === undefined ? undefined : subnet.ports.byLid(lid);
  if (gid !== undefined && lid !== undefined && byGid !== byLid) {
    throw new SaRefusal(
      MadStatus.RequestInvalid,
      `GID and LID ${lid} are not the same port's`,
    );
  }
  const port = byGid ?? byLid;
  return port ? [port] : [];
}

function pathBetween(
  subnet: Subnet,
  source: SubnetPort,
  destination: SubnetPort,
  request: PathRecord,
  mask: bigint,
): PathRecord | undefined {
  const pkey = (mask & PathMask.Pkey) !== 0n
    ? sharedPkey(source, destination, request.pkey)
    : sharedPkey(source, destination);
  if (pkey === undefined || !linkAllows(subnet, request, mask)) {
    return undefined;
  }
  const sl = slOf(subnet, pkey);
  if ((mask & PathMask.Sl) !== 0n && request.sl !== sl) return undefined;
  return PathRecord.of({
    serviceId: request.serviceId,
    dgid: destination.gid,
    sgid: source.gid,
    dlid: destination.lid,
    slid: source.lid,
    tclass: request.tclass,
    reversible: true,
    pkey,
    sl,
    mtuSelector: Selector.Exactly,
    mtu: subnet.mtuCode,
    rateSelector: Selector.Exactly,
    rate: LINK.rateCode,
    lifetimeSelector: Selector.Exactly,
    lifetime: source === destination ? 0 : PACKET_LIFETIME,
  });
}

/** A P_Key by which the two may talk: the one asked for, or the first of the source's. */
function sharedPkey(
  source: SubnetPort,
  destination: SubnetPort,
  asked?: number,
): number | undefined {
  for (const a of source.pkeys) {
    if (asked !== undefined && ((a ^ asked) & 0x7fff) !== 0) continue;
    for (const b of destination.pkeys) {
      if (pkeysMatch(a, b)) return asked ?? a;
    }
  }
  return undefined;
}

function linkAllows(
  subnet: Subnet,
  request: PathRecord,
  mask: bigint,
): boolean {
  const mtuBits = PathMask.Mtu | PathMask.MtuSelector;
  const rateBits = PathMask.Rate | PathMask.RateSelector;
  const lifetimeBits = PathMask.Lifetime | PathMask.LifetimeSelector;
  return ((mask & mtuBits) !== mtuBits || selectorAllows(
    request.mtuSelector,
    ibMtuBytes(request.mtu)!,
    ibMtuBytes(subnet.mtuCode)!,
  )) && ((mask & rateBits) !== rateBits || selectorAllows(
    request.rateSelector,
    rateMbps(request.rate)!,
    rateMbps(LINK.rateCode)!,
  )) && ((mask & lifetimeBits) !== lifetimeBits || selectorAllows(
    request.lifetimeSelector,
    request.lifetime,
    PACKET_LIFETIME,
  ));
}

/** The service level of a partition. */
function slOf(subnet: Subnet, pkey: number): number {
  const base = pkey & 0x7fff;
  return subnet.partitions.find((p) => p.pkey === base)?.ipoib?.sl ?? 0;
}

/** The path to a group: its MLID and parameters. */
function pathsToGroup(
  subnet: Subnet,
  requester: SubnetPort,
  request: PathRecord,
  mask: bigint,
): PathRecord[] {
  const group = subnet.groups.get(request.dgid);
  if (group === undefined || !hasPkey(requester.pkeys, group.pkey)) return [];
  const differs = (bit: bigint, asked: number, actual: number) =>
    (mask & bit) !== 0n && asked !== actual;
  if (
    differs(PathMask.Dlid, request.dlid, group.mlid) ||
    differs(PathMask.Pkey, request.pkey, group.pkey) ||
    differs(PathMask.Sl, request.sl, group.sl) ||
    differs(PathMask.FlowLabel, request.flowLabel, group.flowLabel) ||
    differs(PathMask.HopLimit, request.hopLimit, group.hopLimit) ||
    differs(PathMask.Tclass, request.tclass, group.tclass)
  ) return [];
  return [PathRecord.of({
    dgid: group.mgid,
    sgid: (mask & PathMask.Sgid) !== 0n ? request.sgid : requester.gid,
    dlid: group.mlid,
    slid: requester.lid,
    flowLabel: group.flowLabel,
    hopLimit: group.hopLimit,
    tclass: group.tclass,
    pkey: group.pkey,
    sl: group.sl,
    mtuSelector: Selector.Exactly,
    mtu: group.mtu,
    rateSelector: Selector.Exactly,
    rate: group.rate,
    lifetimeSelector: Selector.Exactly,
    lifetime: group.lifetime,
  })];
}
