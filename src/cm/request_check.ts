/** Checks of a received REQ that do not depend on other connections. */

import { ibMtuBytes, ibMtuCode, pkeysMatch } from "../base/units.ts";
import type { PortAttributes } from "../hca/port_attributes.ts";
import { RejectReason } from "../wire/cm/rej.ts";
import { type Req, TransportType } from "../wire/cm/req.ts";
import { gidEquals } from "../wire/gid.ts";
import { MULTICAST_QPN } from "../wire/link_address.ts";
import { FIRST_MLID } from "../wire/lrh.ts";

/** Reason and additional reject information of a refusal. */
export interface Obstacle {
  readonly reason: number;
  readonly ari: Uint8Array;
}

const NOTHING = new Uint8Array(0);
/** QPNs 0 and 1 are those of the management interfaces. */
const FIRST_QPN = 2;

/** Returns why a REQ is refused, or undefined. */
export function obstacleOf(
  req: Req,
  port: PortAttributes,
): Obstacle | undefined {
  const { primary } = req;
  if (req.transportType !== TransportType.Rc) {
    return { reason: RejectReason.InvalidTransport, ari: NOTHING };
  }
  if (req.localQpn < FIRST_QPN || req.localQpn === MULTICAST_QPN) {
    return { reason: RejectReason.NoQp, ari: NOTHING };
  }
  if (!gidEquals(primary.remoteGid, port.gid)) {
    return { reason: RejectReason.InvalidGid, ari: port.gid };
  }
  if (primary.subnetLocal) {
    const lids = primary.remoteLid - port.lid;
    const own = lids >= 0 && lids < 1 << port.lmc;
    const { localLid } = primary;
    if (!own || localLid === 0 || localLid >= FIRST_MLID) {
      return { reason: RejectReason.InvalidLid, ari: lidBytes(port.lid) };
    }
  }
  // IBTA defines no reason for a wrong P_Key.
  if (!port.pkeys.some((pkey) => pkeysMatch(pkey, req.pkey))) {
    return { reason: RejectReason.Unsupported, ari: NOTHING };
  }
  const mtu = ibMtuBytes(req.pathMtu);
  if (mtu === undefined || mtu > port.activeMtu) {
    const code = ibMtuCode(port.activeMtu) ?? 0;
    return { reason: RejectReason.InvalidMtu, ari: Uint8Array.of(code) };
  }
  return undefined;
}

function lidBytes(lid: number): Uint8Array {
  return Uint8Array.of(lid >> 8, lid & 0xff);
}
