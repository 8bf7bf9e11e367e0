import { assert, assertEquals } from "@std/assert";
import {
  LargeSend,
  largeSendHeaders,
  segmentLength,
} from "../../src/wire/large_send.ts";
import { FRAME_HEADER_LENGTH } from "../../src/wire/ethernet.ts";
import { frameOf, large } from "./large_send_packet.ts";
import { viewOf } from "./support.ts";

const IP = FRAME_HEADER_LENGTH;

function read(frame: Uint8Array): LargeSend | undefined {
  const send = new LargeSend();
  const length = frame.length - IP;
  return send.read(viewOf(frame), 0, IP, length) ? send : undefined;
}

/** Changes bytes of a frame. */
type Change = (frame: Uint8Array, view: DataView) => void;

Deno.test("LargeSend reads the headers", () => {
  const v4 = read(frameOf(large({ options: 2 })))!;
  assertEquals(
    [v4.ip, v4.ipv4, v4.tcp, v4.transport, v4.headers, v4.payload, v4.size],
    [IP, true, true, 28, 60, 2500, 1000],
  );
  assertEquals(v4.longest, 1060);
  const v6 = read(frameOf(large({ ipv4: false, tcp: false, options: 3 })))!;
  assertEquals(
    [v6.ipv4, v6.tcp, v6.transport, v6.headers, v6.payload],
    [false, false, 64, 72, 2500],
  );
  const one = read(frameOf(large({ size: 5000 })))!;
  assertEquals(one.longest, 52 + 2500);
});

const invalid: Record<string, Change> = {
  "without a GSO type": (frame) => frame[1] = 0,
  "of the type of fragmented UDP": (frame) => frame[1] = 3,
  "of UDP with the ECN bit": (frame) => frame[1] = 0x85,
  "of an unknown type": (frame) => frame[1] = 2,
  "of IPv6's type": (frame) => frame[1] = 4,
  "of UDP's type": (frame) => frame[1] = 5,
  "without a partial checksum": (frame) => frame[0] = 0,
  "without a segment size": (_, view) => view.setUint16(4, 0, true),
  "with another checksum start": (_, view) => view.setUint16(6, 35, true),
  "with a checksum start in the Ethernet header": (_, view) =>
    view.setUint16(6, 0, true),
  "with another checksum field": (_, view) => view.setUint16(8, 6, true),
  "of another IP version": (frame) => frame[IP] = 0x55,
  "with a too short IPv4 header": (frame) => frame[IP] = 0x44,
  "of another protocol": (frame) => frame[IP + 9] = 17,
  "that is a fragment": (frame) => frame[IP + 7] = 1,
  "that has more fragments": (frame) => frame[IP + 6] = 0x20,
  "with a too short TCP header": (frame) => frame[IP + 32] = 0x40,
};

for (const [what, change] of Object.entries(invalid)) {
  Deno.test(`LargeSend refuses a packet ${what}`, () => {
    const frame = frameOf(large());
    assert(read(frame));
    change(frame, viewOf(frame));
    assertEquals(read(frame), undefined);
    assertEquals(
      segmentLength(viewOf(frame), 0, IP, frame.length - IP),
      frame.length - IP,
    );
  });
}

Deno.test("LargeSend refuses a packet that ends in its headers", () => {
  for (const ipv4 of [true, false]) {
    for (const tcp of [true, false]) {
      const frame = frameOf(large({ ipv4, tcp, options: 1 }));
      const { headers } = read(frame)!;
      assert(read(frame.subarray(0, IP + headers + 1)));
      for (let length = 0; length <= headers; length++) {
        assertEquals(read(frame.subarray(0, IP + length)), undefined);
      }
    }
  }
});

Deno.test("LargeSend refuses IPv6 with extension headers that do not lead to the transport header", () => {
  const frame = frameOf(large({ ipv4: false, options: 2 }));
  const changes: Change[] = [
    (frame) => frame[IP + 6] = 44,
    (frame) => frame[IP + 40] = 17,
    (frame) => frame[IP + 41] = 0,
    (frame) => frame[IP + 41] = 255,
  ];
  for (const change of changes) {
    const copy = frame.slice();
    change(copy, viewOf(copy));
    assertEquals(read(copy), undefined);
  }
  // A routing header, and a hop-by-hop header.
  for (const type of [43, 0]) {
    const copy = frame.slice();
    copy[IP + 6] = type;
    assertEquals(read(copy)?.headers, 40 + 16 + 32);
  }
});

Deno.test("largeSendHeaders() returns the length of the headers, whatever hdr_len is", () => {
  const frame = frameOf(large({ options: 1 }));
  viewOf(frame).setUint16(2, 1500, true);
  const headers = () =>
    largeSendHeaders(viewOf(frame), 0, IP, frame.length - IP);
  assertEquals(headers(), 24 + 32);
  frame[1] = 0;
  assertEquals(headers(), 0);
});

Deno.test("segmentLength() returns the length of the longest segment", () => {
  const frame = frameOf(large({ size: 700 }));
  assertEquals(
    segmentLength(viewOf(frame), 0, IP, frame.length - IP),
    20 + 32 + 700,
  );
});
