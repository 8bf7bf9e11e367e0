/** What is written to the ring, and the frames that the capturing process makes of it. */

import { assert, assertEquals } from "@std/assert";
import { FrameComposer, type FrameKind } from "../../../src/capture/frames.ts";
import { Recorder } from "../../../src/daemon/capture/recorder.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import type { ObservedPacket } from "../../../src/hca/observed.ts";
import {
  writePacketHeaders,
  writePathHeaders,
} from "../../../src/hca/ud_headers.ts";
import { writeConnectedHeaders } from "../../../src/hca/connected_headers.ts";
import { DROP_REASONS } from "../../../src/ipoib/statistics.ts";
import {
  internetChecksum,
  ipv4PseudoHeader,
} from "../../../src/wire/checksum.ts";
import { encapWord, EtherType } from "../../../src/wire/encap.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { ERF_HEADER_LENGTH } from "../../../src/wire/erf.ts";
import { GSI_QPN, gsiAddress, MAD_LENGTH } from "../../../src/wire/mad.ts";
import { GsoType, VnetFlag, VnetHeader } from "../../../src/wire/vnet.ts";
import { TestRing } from "../../capture/support.ts";
import { unconfiguredPort } from "../../capture/test_port.ts";
import { ipv4Frame } from "../../ipoib/rig.ts";
import { golden, viewOf } from "../../wire/support.ts";

const LRH_TO_ENCAP = 68;
const TIME = Date.now() / 1000;

interface Composed {
  kind: FrameKind;
  bytes: Uint8Array;
  length: number;
  comment: string | undefined;
}

function compose(ring: TestRing, snapLength = 262_144): Composed[] {
  const frames: Composed[] = [];
  const packet = ring.take();
  assert(Math.abs(packet.seconds - TIME) < 3600, "the present time");
  new FrameComposer(snapLength).forEach(
    packet,
    ({ kind, bytes, length, comment }) =>
      frames.push({ kind, bytes: bytes.slice(), length, comment }),
  );
  return frames;
}

/** Returns the observed form of a frame of the kernel, with UD headers, or with those of a connection. */
function observed(frame: Uint8Array, connected = false): ObservedPacket {
  const headers = new DataView(new ArrayBuffer(LRH_TO_ENCAP));
  writePathHeaders(
    headers,
    { dlid: 3, sl: 0, staticRate: 0 },
    new Uint8Array(16),
  );
  if (connected) writeConnectedHeaders(headers, 0, 0, 2, 0xffff, 0x49);
  else writePacketHeaders(headers, 0, 0, 2, 0xffff, 0x48, 5, 0xb1b, 0x47);
  return {
    direction: "sent",
    status: PostResult.Sent,
    qpn: 0x47,
    udQpn: 0x47,
    ...{ headers, lrh: 0, grh: -1, bth: 48, deth: connected ? -1 : 60 },
    encap: encapWord(EtherType.Ipv4),
    view: viewOf(frame),
    payload: FRAME_HEADER_LENGTH,
    length: frame.length - FRAME_HEADER_LENGTH,
    vnet: 0,
  };
}

/** Returns the IPv4 packet in a frame of the fabric edge without GRH. */
function ipOf({ bytes }: Composed): Uint8Array {
  return bytes.subarray(ERF_HEADER_LENGTH + 8 + 12 + 8 + 4);
}

/** Returns a frame with a partial checksum of its UDP header. */
function partial(payload: Uint8Array, gsoSize = 0): Uint8Array {
  const vnet = new Uint8Array(12);
  const header = new VnetHeader(viewOf(vnet));
  header.flags = VnetFlag.NeedsChecksum;
  header.checksumStart = 14 + 20;
  header.checksumOffset = 6;
  if (gsoSize > 0) {
    header.gsoType = GsoType.UdpL4;
    header.gsoSize = gsoSize;
    header.headerLength = 14 + 20 + 8;
  }
  const udp = new Uint8Array(8 + payload.length);
  const view = viewOf(udp);
  view.setUint16(0, 1000);
  view.setUint16(2, 2000);
  view.setUint16(4, udp.length);
  udp.set(payload, 8);
  const frame = ipv4Frame("10.9.0.1", "10.9.0.2", { payload: udp, vnet });
  const whole = viewOf(frame);
  const at = FRAME_HEADER_LENGTH;
  whole.setUint16(at + 26, ipv4PseudoHeader(whole, at, 17, udp.length));
  return frame;
}

/** True if the checksum of the UDP packet in an IPv4 packet, which may have bytes behind it, is correct. */
function checksumIsCorrect(ip: Uint8Array): boolean {
  const view = viewOf(ip);
  const length = view.getUint16(2) - 20;
  const initial = ipv4PseudoHeader(view, 0, 17, length);
  return internetChecksum(view, 20, length, initial) === 0;
}

Deno.test("a UD packet becomes a frame with its lengths, pad, checksum and CRCs", () => {
  using ring = new TestRing(1 << 18);
  const recorder = new Recorder(ring.writer);
  recorder.packet(observed(partial(new Uint8Array(13).fill(7))));
  const [frame, ...others] = compose(ring);
  assertEquals(others, []);
  assertEquals(frame!.kind, "packet");
  // LRH, BTH, DETH, IPoIB header, IP and UDP with 13 bytes, pad, ICRC, VCRC.
  const wire = 8 + 12 + 8 + 4 + 41 + 3 + 4 + 2;
  assertEquals(frame!.length, ERF_HEADER_LENGTH + wire);
  const view = viewOf(frame!.bytes);
  assertEquals(view.getUint16(ERF_HEADER_LENGTH + 4), (wire - 2) / 4);
  assertEquals(view.getUint8(ERF_HEADER_LENGTH + 8 + 1) >> 4, 3);
  assert(checksumIsCorrect(ipOf(frame!)));
});

Deno.test("a large send becomes the packets into which it is cut", () => {
  using ring = new TestRing(1 << 18);
  const payload = Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff);
  new Recorder(ring.writer).packet(observed(partial(payload, 2000)));
  const frames = compose(ring);
  const ips = frames.map(ipOf);
  assertEquals(ips.map((ip) => viewOf(ip).getUint16(2)), [2028, 2028, 1028]);
  assert(ips.every(checksumIsCorrect));
  const sent = ips.flatMap((ip) => [
    ...ip.subarray(28, viewOf(ip).getUint16(2)),
  ]);
  assertEquals(sent, [...payload]);
});

Deno.test("a large send at the host edge stays one frame, with a complete checksum", () => {
  using ring = new TestRing(1 << 18);
  const payload = new Uint8Array(5000).fill(3);
  new Recorder(ring.writer).frame("sent", partial(payload, 2000));
  const [frame, ...others] = compose(ring);
  assertEquals(others, []);
  assertEquals(frame!.kind, "host");
  assertEquals(frame!.length, 14 + 28 + 5000);
  assert(checksumIsCorrect(frame!.bytes.subarray(14)));
});

Deno.test("a message of a connection is one packet, or a message if PktLen cannot express its length", () => {
  using ring = new TestRing(1 << 18);
  const recorder = new Recorder(ring.writer);
  for (const length of [4000, 30_000]) {
    const frame = ipv4Frame("10.9.0.1", "10.9.0.2", {
      payload: new Uint8Array(length),
    });
    recorder.packet(observed(frame, true));
  }
  const [packet] = compose(ring);
  assertEquals(packet!.kind, "packet");
  assertEquals(packet!.length, ERF_HEADER_LENGTH + 8 + 12 + 4 + 4020 + 4 + 2);
  const [message] = compose(ring);
  assertEquals(message!.kind, "message");
  assertEquals(message!.length, 40 + 4 + 30_020);
  assertEquals(
    message!.comment,
    "RC message from LID 0x0002 to LID 0x0003, QPN 0x000049, P_Key 0xffff, PSN 0",
  );
});

Deno.test("a snapshot length truncates the packet, not its length", () => {
  using ring = new TestRing(1 << 18);
  const recorder = new Recorder(ring.writer);
  const frame = partial(new Uint8Array(1000));
  recorder.packet(observed(frame));
  recorder.frame("received", frame);
  const [packet] = compose(ring, 96);
  assertEquals(packet!.bytes.length, ERF_HEADER_LENGTH + 96);
  assertEquals(packet!.length, ERF_HEADER_LENGTH + 8 + 12 + 8 + 4 + 1028 + 6);
  assertEquals(viewOf(packet!.bytes).getUint16(10), ERF_HEADER_LENGTH + 96);
  const [host] = compose(ring, 96);
  assertEquals([host!.bytes.length, host!.length], [96, 14 + 1028]);
});

Deno.test("a failed post has the reason of the drop", () => {
  using ring = new TestRing(1 << 18);
  const recorder = new Recorder(ring.writer);
  const packet = observed(partial(new Uint8Array(8), 0));
  recorder.packet({ ...packet, status: PostResult.NoCredit });
  assertEquals(DROP_REASONS[ring.take().reason], "tx_no_credit");
});

Deno.test("a dropped packet is a frame with its EtherType and the reason", () => {
  using ring = new TestRing(1 << 18);
  const recorder = new Recorder(ring.writer);
  const arp = golden("arp_request");
  recorder.dropped({
    direction: "received",
    reason: "rx_malformed",
    etherType: EtherType.Arp,
    view: viewOf(arp),
    payload: 0,
    length: arp.length,
    vnet: -1,
  });
  recorder.dropped({
    direction: "sent",
    reason: "tx_malformed",
    etherType: 0,
    view: viewOf(arp),
    payload: 0,
    length: -4,
    vnet: -1,
  });
  const packet = ring.take();
  assertEquals(DROP_REASONS[packet.reason], "rx_malformed");
  assertEquals([packet.sent, packet.etherType], [false, EtherType.Arp]);
  const { memory: { bytes }, packet: at, length } = packet;
  assertEquals(bytes.slice(at, at + length), arp);
  assertEquals(ring.take().length, 0);
});

Deno.test("MADs have the headers of QP1 in both directions", () => {
  using ring = new TestRing(1 << 18);
  const recorder = new Recorder(ring.writer);
  const mad = new Uint8Array(MAD_LENGTH).fill(9);
  const port = unconfiguredPort({ lid: 2, pkeys: [0xffff, 0x8001] });
  const address = gsiAddress(7, 1, 3);
  recorder.mad({ direction: "sent", mad, address }, port);
  recorder.mad({ direction: "received", mad, address }, port);
  for (const [slid, dlid] of [[2, 7], [7, 2]]) {
    const [frame] = compose(ring);
    const view = viewOf(frame!.bytes);
    const lrh = ERF_HEADER_LENGTH;
    const fields = [view.getUint16(lrh + 6), view.getUint16(lrh + 2)];
    assertEquals(fields, [slid, dlid]);
    assertEquals(view.getUint8(lrh + 1) >> 4, 3);
    assertEquals(view.getUint16(lrh + 8 + 2), 0x8001);
    assertEquals(view.getUint32(lrh + 8 + 4), GSI_QPN);
    assertEquals(view.getUint32(lrh + 8 + 12), 0x80010000);
    assertEquals(
      frame!.bytes.subarray(lrh + 28, lrh + 28 + MAD_LENGTH),
      mad,
    );
  }
});
