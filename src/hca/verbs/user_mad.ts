/**
 * Encodes and decodes a MAD with its address as `struct ib_user_mad` (64 bytes, ffi/umad_layout.ts) and the 256 bytes
 * of the MAD.
 *
 * This is the format of libibumad, and also that of the messages between the port (mad_channel.ts) and the libibumad
 * worker (umad_port.ts), over a SOCK_SEQPACKET pair with one MAD in each message.
 */

import { UserMad } from "../../../ffi/umad_layout.ts";
import { GID_LENGTH } from "../../wire/gid.ts";
import { MAD_LENGTH, type MadAddress } from "../../wire/mad.ts";

/** Bytes of the struct and the MAD together. */
export const USER_MAD_LENGTH = UserMad.Data + MAD_LENGTH;

/** Encodes a MAD of 256 bytes, in the format of `umad_send`. */
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
  view.setUint8(UserMad.PathBits, to.pathBits ?? 0);
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

/** Decodes a MAD, as a view of `bytes`, and its address. Returns undefined if the length is wrong. */
export function parseUserMad(
  bytes: Uint8Array,
): { mad: Uint8Array; address: MadAddress } | undefined {
  if (bytes.length !== USER_MAD_LENGTH) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pathBits = view.getUint8(UserMad.PathBits);
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
      ...(pathBits === 0 ? {} : { pathBits }),
      ...(grh ? { grh } : {}),
    },
  };
}
