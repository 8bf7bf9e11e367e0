/**
 * A whole InfiniBand packet as a wire would carry it, LRH to VCRC, for captures and tests (IBTA vol. 1 5.2).
 *
 * Order: LRH, [GRH], BTH, [DETH], payload, pad to 4 bytes, ICRC, VCRC.
 */

import { IpoibError } from "../base/errors.ts";
import { ENCAP_LENGTH } from "../base/units.ts";
import { Bth, BTH_LENGTH, Opcode } from "./bth.ts";
import { icrc, ICRC_LENGTH, vcrc, VCRC_LENGTH } from "./crc.ts";
import { Deth, DETH_LENGTH } from "./deth.ts";
import { Grh, GRH_LENGTH, GRH_NEXT_HEADER } from "./grh.ts";
import { LinkNextHeader, Lrh, LRH_LENGTH } from "./lrh.ts";

/** The headers' fields that do not follow from the rest. */
export interface FrameHeaders {
  lrh: { dlid: number; slid: number; sl?: number; vl?: number };
  /** Always for multicast. */
  grh?: {
    sgid: Uint8Array;
    dgid: Uint8Array;
    trafficClass?: number;
    flowLabel?: number;
    hopLimit?: number;
  };
  bth: {
    /** UD SEND only unless given. */
    opcode?: number;
    pkey: number;
    destQpn: number;
    psn?: number;
    solicited?: boolean;
    ackRequest?: boolean;
  };
  /** Always for UD, never for RC. */
  deth?: { qkey: number; sourceQpn: number };
}

/** The most that PktLen can say, in bytes from the LRH to the ICRC. */
const MAX_LENGTH = 0x7ff * 4;

/**
 * The packet of these headers and a payload; lengths, pad and CRCs are filled in.
 *
 * @throws IpoibError E_CAPTURE_LENGTH if the payload is too long for one packet
 */
export function infinibandFrame(
  headers: FrameHeaders,
  payload: Uint8Array,
): Uint8Array {
  const { lrh, grh, bth, deth } = headers;
  const bthAt = LRH_LENGTH + (grh ? GRH_LENGTH : 0);
  const payloadAt = bthAt + BTH_LENGTH + (deth ? DETH_LENGTH : 0);
  const pad = -payload.length & 3;
  const icrcAt = payloadAt + payload.length + pad;
  if (icrcAt + ICRC_LENGTH > MAX_LENGTH) {
    throw new IpoibError(
      "E_CAPTURE_LENGTH",
      `Cannot make one InfiniBand packet of ${payload.length} bytes`,
      { hint: "capture the segments of a large send" },
    );
  }
  const frame = new Uint8Array(icrcAt + ICRC_LENGTH + VCRC_LENGTH);
  const view = new DataView(frame.buffer);

  const link = new Lrh(view, 0);
  link.vl = lrh.vl ?? 0;
  link.setSlAndNextHeader(
    lrh.sl ?? 0,
    grh ? LinkNextHeader.IbaGlobal : LinkNextHeader.IbaLocal,
  );
  link.dlid = lrh.dlid;
  link.slid = lrh.slid;
  link.packetLength = (icrcAt + ICRC_LENGTH) / 4;

  if (grh) {
    const global = new Grh(view, LRH_LENGTH);
    global.setClassAndFlow(grh.trafficClass ?? 0, grh.flowLabel ?? 0);
    global.payloadLength = icrcAt + ICRC_LENGTH - bthAt;
    global.nextHeader = GRH_NEXT_HEADER;
    global.hopLimit = grh.hopLimit ?? 0;
    global.setSgid(grh.sgid);
    global.setDgid(grh.dgid);
  }

  const transport = new Bth(view, bthAt);
  transport.opcode = bth.opcode ?? Opcode.UdSendOnly;
  transport.setFlags(bth.solicited ?? false, pad);
  transport.pkey = bth.pkey;
  transport.destQpn = bth.destQpn;
  transport.setPsn(bth.psn ?? 0, bth.ackRequest ?? false);

  if (deth) {
    const datagram = new Deth(view, bthAt + BTH_LENGTH);
    datagram.qkey = deth.qkey;
    datagram.sourceQpn = deth.sourceQpn;
  }

  frame.set(payload, payloadAt);
  view.setUint32(icrcAt, icrc(frame, 0, icrcAt), true);
  const vcrcAt = icrcAt + ICRC_LENGTH;
  view.setUint16(vcrcAt, vcrc(frame, 0, vcrcAt), true);
  return frame;
}

/** The frame of one IPoIB packet: `encap` is the header's word (see encap.ts), `packet` what follows it. */
export function ipoibFrame(
  headers: FrameHeaders,
  encap: number,
  packet: Uint8Array,
): Uint8Array {
  const payload = new Uint8Array(ENCAP_LENGTH + packet.length);
  new DataView(payload.buffer).setInt32(0, encap);
  payload.set(packet, ENCAP_LENGTH);
  return infinibandFrame(headers, payload);
}
