/** Copies of observed packets, with decoded headers. */

import type { HcaPort } from "../../src/hca/hca.ts";
import type { ObservedPacket } from "../../src/hca/observed.ts";
import { formatGid } from "../../src/wire/gid.ts";
import { Grh } from "../../src/wire/grh.ts";
import { LinkNextHeader, Lrh } from "../../src/wire/lrh.ts";
import { UD_SEND_ONLY } from "../../src/wire/transport_headers.ts";
import { assertEquals } from "@std/assert";

/** A copy of an observed packet. */
export interface Seen {
  direction: ObservedPacket["direction"];
  status: number;
  qpn: number;
  sl: number;
  slid: number;
  dlid: number;
  /** Packet length of the LRH, in words of 4 bytes. */
  words: number;
  pad: number;
  pkey: number;
  destQpn: number;
  qkey: number;
  sourceQpn: number;
  grh: { sgid: string; dgid: string; bytes: number; hops: number } | undefined;
  encap: number;
  payload: Uint8Array;
  /** The virtio header's first 6 bytes; undefined if there is none. */
  vnet: number[] | undefined;
}

/** Copies an observed packet. */
export function seen(packet: ObservedPacket): Seen {
  const { headers, view, payload, length, vnet } = packet;
  const lrh = new Lrh(headers, packet.lrh);
  const { bth, deth } = packet;
  assertEquals(headers.getUint8(bth), UD_SEND_ONLY);
  assertEquals(lrh.nextHeader === LinkNextHeader.IbaGlobal, packet.grh >= 0);
  const bytes = (at: number, count: number) =>
    new Uint8Array(view.buffer, view.byteOffset + at, count).slice();
  return {
    direction: packet.direction,
    status: packet.status,
    qpn: packet.qpn,
    sl: lrh.sl,
    slid: lrh.slid,
    dlid: lrh.dlid,
    words: lrh.packetLength,
    pad: headers.getUint8(bth + 1) >> 4,
    pkey: headers.getUint16(bth + 2),
    destQpn: headers.getUint32(bth + 4),
    qkey: headers.getUint32(deth),
    sourceQpn: headers.getUint32(deth + 4),
    grh: grhOf(packet),
    encap: packet.encap,
    payload: bytes(payload, length),
    vnet: vnet < 0 ? undefined : Array.from(bytes(vnet, 6)),
  };
}

function grhOf({ headers, grh: at }: ObservedPacket): Seen["grh"] {
  if (at < 0) return undefined;
  const grh = new Grh(headers, at);
  assertEquals(grh.version, 6);
  const gid = new Uint8Array(16);
  grh.copySgid(gid);
  const sgid = formatGid(gid);
  grh.copyDgid(gid);
  const dgid = formatGid(gid);
  return { sgid, dgid, bytes: grh.payloadLength, hops: grh.hopLimit };
}

/** Observes the packets of a port. `end` removes the observer. */
export function observe(port: HcaPort): { packets: Seen[]; end: () => void } {
  const packets: Seen[] = [];
  const end = port.observe((packet) => packets.push(seen(packet)));
  return { packets, end };
}
