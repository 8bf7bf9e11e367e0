/** Addresses of a connection: those of its MADs, of its REQ and of its queue pair. */

import { type IbMtu, ibMtuBytes } from "../base/units.ts";
import {
  pathAttributes,
  pathBitsOf,
  type PathPort,
} from "../hca/path_attributes.ts";
import type { PortAttributes } from "../hca/port_attributes.ts";
import { staticRate } from "../hca/port_rate.ts";
import type { RcConnection } from "../hca/rc_qp.ts";
import type { Rep } from "../wire/cm/rep.ts";
import { type Req, ReqPath } from "../wire/cm/req.ts";
import { PERMISSIVE_LID } from "../wire/lrh.ts";
import { gsiAddress, type MadAddress } from "../wire/mad.ts";
import type { PathRecord } from "../wire/sa/path_record.ts";
import { ackTimeout, CA_ACK_DELAY } from "./parameters.ts";

/** Hop limit of an answer (IBTA vol. 1 13.5.4.4). */
const ANSWER_HOP_LIMIT = 0xff;

/** The attributes of the local port that addresses depend on. */
type LocalPort = PathPort & Pick<PortAttributes, "activeMtu">;

/** Returns the destination of MADs on a path. */
export function madAddress(
  path: PathRecord,
  pkeyIndex: number,
  port: LocalPort,
): MadAddress {
  const { grh } = pathAttributes(path, port);
  const address = {
    ...gsiAddress(path.dlid, pkeyIndex, path.sl),
    ...pathBitsOf(path.slid, port),
  };
  if (grh === undefined) return address;
  const { dgid, ...rest } = grh;
  return { ...address, grh: { gid: dgid, ...rest } };
}

/**
 * Returns the destination of the answer to a MAD. It has a GRH if the MAD has one, or if the port requires one and `gid`,
 * the GID of the remote port, is known.
 */
export function answerAddress(
  from: MadAddress,
  port: LocalPort,
  gid?: Uint8Array,
): MadAddress {
  const address = {
    ...gsiAddress(from.lid, from.pkeyIndex, from.sl),
    ...pathBitsOf(from.pathBits ?? 0, port),
  };
  const grh = from.grh ??
    (port.grhRequired && gid
      ? { gid, sgidIndex: 0, flowLabel: 0, trafficClass: 0 }
      : undefined);
  return grh === undefined
    ? address
    : { ...address, grh: { ...grh, hopLimit: ANSWER_HOP_LIMIT } };
}

/** Returns the path of a REQ. */
export function reqPath(path: PathRecord): ReqPath {
  const subnetLocal = path.hopLimit <= 1;
  return ReqPath.of({
    localLid: subnetLocal ? path.slid : PERMISSIVE_LID,
    remoteLid: subnetLocal ? path.dlid : PERMISSIVE_LID,
    localGid: path.sgid,
    remoteGid: path.dgid,
    flowLabel: path.flowLabel,
    rate: path.rate,
    trafficClass: path.tclass,
    hopLimit: path.hopLimit,
    sl: path.sl,
    subnetLocal,
    ackTimeout: ackTimeout(path.lifetime, CA_ACK_DELAY),
  });
}

/** Returns the remote end of the active side. */
export function activeRemote(
  path: PathRecord,
  port: LocalPort,
  rep: Rep,
  req: Req,
): RcConnection {
  return {
    path: pathAttributes(path, port),
    pathMtu: ibMtuBytes(req.pathMtu) ?? port.activeMtu,
    destQpn: rep.localQpn,
    sendPsn: rep.startingPsn,
    receivePsn: req.startingPsn,
    ackTimeout: ackTimeout(path.lifetime, rep.targetAckDelay),
    retryCount: req.retryCount,
    rnrRetryCount: rep.rnrRetryCount,
  };
}

/**
 * Returns the remote end of the passive side, with `receivePsn` as the PSN of the first packet from it. The REQ must
 * have passed the checks of request_check.ts.
 */
export function passiveRemote(
  req: Req,
  from: MadAddress,
  receivePsn: number,
  port: LocalPort,
): RcConnection {
  const { primary } = req;
  // A REQ from another subnet states neither the LID and SL of the router, nor the LID of this port.
  const { lid, sl, pathBits = 0 } = primary.subnetLocal
    ? { lid: primary.localLid, sl: primary.sl, pathBits: primary.remoteLid }
    : from;
  const { flowLabel, hopLimit, trafficClass } = primary;
  const grh = {
    dgid: primary.localGid,
    flowLabel,
    hopLimit,
    trafficClass,
    sgidIndex: from.grh?.sgidIndex ?? 0,
  };
  return {
    path: {
      dlid: lid,
      sl,
      staticRate: staticRate(primary.rate, port),
      ...pathBitsOf(pathBits, port),
      ...(hopLimit > 0 || port.grhRequired ? { grh } : {}),
    },
    pathMtu: ibMtuBytes(req.pathMtu) as IbMtu,
    destQpn: req.localQpn,
    sendPsn: req.startingPsn,
    receivePsn,
    ackTimeout: primary.ackTimeout,
    retryCount: req.retryCount,
    rnrRetryCount: req.rnrRetryCount,
  };
}
