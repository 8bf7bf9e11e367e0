/**
 * A MAD with its address as libibumad has it, and as it passes between the thread that has libibumad and the one that
 * has the port (a SOCK_SEQPACKET pair, one a message): `struct ib_user_mad` of 64 bytes, whose layout is in
 * ffi/umad_layout.ts, and the 256 bytes of the MAD.
 */

import { UserMad } from "../../../ffi/umad_layout.ts";
import { GID_LENGTH } from "../../wire/gid.ts";
import { MAD_LENGTH, type MadAddress } from "../../wire/mad.ts";

/** Bytes of the struct and the MAD. */
export const USER_MAD_LENGTH = UserMad.Data + MAD_LENGTH;

/** A MAD of 256 bytes, as `umad_send` takes it. */
export function emitUserMad(
  mad: Uint8Array,
  to: MadAddress,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(USER_MAD_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint32(UserMad.Qpn, to.qpn);
  view.setUint32(UserMad.Qkey, to.qkey);
  view.setUint16(UserMad.Lid, to.lid);
  view.setUint8(UserMad.Sl, to.sl);
  view.setUint16(UserMad.PkeyIndex, to.pkeyIndex, true);
  if (to.grh) {
    view.setUint8(UserMad.GrhPresent, 1);
    view.setUint8(UserMad.GidIndex, to.grh.sgidIndex);
    view.setUint8(UserMad.HopLimit, to.grh.hopLimit);
    view.setUint8(UserMad.TrafficClass, to.grh.trafficClass);
    bytes.set(to.grh.gid, UserMad.Gid);
    view.setUint32(UserMad.FlowLabel, to.grh.flowLabel);
  }
  bytes.set(mad, UserMad.Data);
  return bytes;
}

/** The MAD, a window into `bytes`, and its address; undefined if the length is wrong. */
export function parseUserMad(
  bytes: Uint8Array,
): { mad: Uint8Array; address: MadAddress } | undefined {
  if (bytes.length !== USER_MAD_LENGTH) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const grh = view.getUint8(UserMad.GrhPresent) === 0 ? undefined : {
    gid: bytes.slice(UserMad.Gid, UserMad.Gid + GID_LENGTH),
    sgidIndex: view.getUint8(UserMad.GidIndex),
    flowLabel: view.getUint32(UserMad.FlowLabel),
    hopLimit: view.getUint8(UserMad.HopLimit),
    trafficClass: view.getUint8(UserMad.TrafficClass),
  };
  return {
    mad: bytes.subarray(UserMad.Data),
    address: {
      lid: view.getUint16(UserMad.Lid),
      qpn: view.getUint32(UserMad.Qpn),
      qkey: view.getUint32(UserMad.Qkey),
      sl: view.getUint8(UserMad.Sl),
      pkeyIndex: view.getUint16(UserMad.PkeyIndex, true),
      ...(grh ? { grh } : {}),
    },
  };
}
