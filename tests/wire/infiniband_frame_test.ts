import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { IpoibError } from "../../src/base/errors.ts";
import { Bth, Opcode } from "../../src/wire/bth.ts";
import { icrc, vcrc } from "../../src/wire/crc.ts";
import { encapWord, EtherType } from "../../src/wire/encap.ts";
import {
  type FrameHeaders,
  infinibandFrame,
  ipoibFrame,
} from "../../src/wire/infiniband_frame.ts";
import { Lrh } from "../../src/wire/lrh.ts";
import { parseGid } from "../../src/wire/gid.ts";
import { golden, hex, viewOf } from "./support.ts";

const BROADCAST: FrameHeaders = {
  lrh: { dlid: 0xc001, slid: 4, sl: 5, vl: 3 },
  grh: {
    sgid: parseGid("fe80::2:c903:0:1")!,
    dgid: parseGid("ff12:401b:ffff::ffff:ffff")!,
    trafficClass: 0xa5,
    flowLabel: 0x12345,
    hopLimit: 64,
  },
  bth: { pkey: 0xffff, destQpn: 0xffffff, psn: 0xabcdef },
  deth: { qkey: 0x0b1b, sourceQpn: 0x48 },
};

Deno.test("infinibandFrame() writes the golden headers", () => {
  // 46 bytes of payload make the golden packet's 30 words and two bytes of pad.
  const payload = new Uint8Array(46).fill(0x77);
  const frame = infinibandFrame(BROADCAST, payload);
  const headers = golden("grh_headers");
  assertEquals(frame.subarray(0, headers.length), headers);
  assertEquals(frame.subarray(headers.length, -8), payload);
  assertEquals(frame.subarray(-8, -6), hex("0000"));
  assertEquals(frame.length, 30 * 4 + 2);
});

Deno.test("infinibandFrame() builds a packet without DETH as IBTA's sample", () => {
  const sample = golden("ibta_sample_packet");
  // The sample's RETH goes in as payload; its opcode (0x0a) and clear MigReq are its own.
  const frame = infinibandFrame(
    {
      lrh: { dlid: 0x375c, slid: 0x17d2, sl: 1, vl: 7 },
      bth: { opcode: 0x0a, pkey: 0x2487, destQpn: 0x87b1b3, psn: 0x0dec2a },
    },
    sample.slice(20, 50),
  );
  new Bth(viewOf(frame), 8).setFlags(false, 2, false);
  assertEquals(frame.subarray(0, 52), sample.subarray(0, 52));
  assertEquals(icrc(frame, 0, 52), 0x5ab72596);
});

Deno.test("ipoibFrame() pads to words and closes with both CRCs", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (packet) => {
    const frame = ipoibFrame(
      {
        lrh: { dlid: 2, slid: 1 },
        bth: { pkey: 0x8001, destQpn: 0x49 },
        deth: { qkey: 0x0b1b, sourceQpn: 0x48 },
      },
      encapWord(EtherType.Ipv4),
      packet,
    );
    const view = viewOf(frame);
    const words = new Lrh(view, 0).packetLength;
    assertEquals(frame.length, words * 4 + 2);
    const bth = new Bth(view, 8);
    assertEquals(bth.opcode, Opcode.UdSendOnly);
    const end = words * 4 - 4 - bth.padCount;
    assertEquals(frame.subarray(28, 32), hex("08000000"));
    assertEquals(frame.subarray(32, end), packet);
    assertEquals(
      view.getUint32(words * 4 - 4, true),
      icrc(frame, 0, words * 4 - 4),
    );
    assertEquals(view.getUint16(words * 4, true), vcrc(frame, 0, words * 4));
  }));
});

Deno.test("infinibandFrame() refuses what PktLen cannot hold", () => {
  const headers: FrameHeaders = {
    lrh: { dlid: 2, slid: 1 },
    bth: { pkey: 0xffff, destQpn: 1 },
  };
  // 8 + 12 + payload + 4 bytes are 0x7ff words.
  assertEquals(infinibandFrame(headers, new Uint8Array(8164)).length, 8190);
  const error = assertThrows(
    () => infinibandFrame(headers, new Uint8Array(8165)),
    IpoibError,
    "Cannot make one InfiniBand packet of 8165 bytes",
  );
  assertEquals(error.code, "E_CAPTURE_LENGTH");
});
