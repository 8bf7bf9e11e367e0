/**
 * Program that measures the branch on the data path without a capture, the recording of a packet in the ring, and
 * what the capturing process does with it, up to the write to the file. Prints nanoseconds as JSON.
 */

import { CaptureFile } from "../../../src/capture/capture_file.ts";
import { FrameComposer } from "../../../src/capture/frames.ts";
import { Packet } from "../../../src/capture/packet.ts";
import {
  ringBytes,
  RingReader,
  RingWriter,
} from "../../../src/capture/ring.ts";
import { Recorder } from "../../../src/daemon/capture/recorder.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import type { ObservedPacket } from "../../../src/hca/observed.ts";
import {
  BTH,
  DETH,
  UD_HEADERS_LENGTH,
  writePacketHeaders,
  writePathHeaders,
} from "../../../src/hca/ud_headers.ts";
import { FrameObservers } from "../../../src/netdev/frame_observers.ts";
import { createMemory } from "../../../src/system/memory.ts";
import { encapWord, EtherType } from "../../../src/wire/encap.ts";
import { IPV4_HEADER_LENGTH } from "../../../src/wire/ipv4.ts";
import { UdpField } from "../../../src/wire/transport_fields.ts";
import { printValues, type Values } from "./engine_measurement.ts";
import { interleave, type Work } from "./interleave.ts";

/** UDP payloads in bytes. */
const SIZES = [64, 1400];
const CAPACITY = 1 << 20;
/** Checks counted as one operation, because one takes less than a nanosecond. */
const CHECKS = 100;

/** Returns an observed UDP packet. */
function observedPacket(payload: number): ObservedPacket {
  const headers = new DataView(new ArrayBuffer(UD_HEADERS_LENGTH));
  const path = { dlid: 3, sl: 0, staticRate: 0 };
  writePathHeaders(headers, path, new Uint8Array(16));
  writePacketHeaders(headers, 0, 0, 2, 0xffff, 0x48, 5, 0xb1b, 0x47);
  const length = IPV4_HEADER_LENGTH + UdpField.Length + payload;
  const view = new DataView(new ArrayBuffer(length));
  view.setUint8(0, 0x45);
  return {
    direction: "sent",
    status: PostResult.Sent,
    ...{ qpn: 0x47, udQpn: 0x47 },
    ...{ headers, lrh: 0, grh: -1, bth: BTH, deth: DETH },
    encap: encapWord(EtherType.Ipv4),
    ...{ view, payload: 0, length, vnet: -1 },
  };
}

using memory = createMemory("bench", ringBytes(CAPACITY));
using writer = new RingWriter(memory.number, CAPACITY);
using reader = new RingReader(memory.number, CAPACITY);
const recorder = new Recorder(writer);
const packet = new Packet();
const composer = new FrameComposer(1 << 18);
const file = new CaptureFile({
  options: {
    ...{ name: "ib0", edges: "fabric", file: "-", snapLength: 1 << 18 },
    ...{ direction: "inout", filter: "", events: false, quiet: true },
  },
  device: "bench",
  open: () => ({ writeSync: ({ length }) => length }),
  lost: () => 0,
});
file.open(0);

function write(): void {
  composer.forEach(packet, (frame) => {
    const { seconds, nanoseconds } = packet;
    file.write({ frame, seconds, nanoseconds, direction: "outbound" });
  });
}

const works = new Map<string, Work>();
for (const size of SIZES) {
  const observed = observedPacket(size);
  works.set(`${size}/worker`, (operations) => {
    for (let i = 0; i < operations; i++) {
      recorder.packet(observed);
      reader.take();
      reader.release();
    }
  });
  works.set(`${size}/both`, (operations) => {
    for (let i = 0; i < operations; i++) {
      recorder.packet(observed);
      packet.load(reader, reader.take());
      reader.release();
      write();
    }
  });
}
const observers = new FrameObservers();
let lines = 0;
works.set("loop", (operations) => {
  for (let i = 0; i < operations * CHECKS; i++) lines = lines + 1 | 0;
});
works.set("loop with a check", (operations) => {
  for (let i = 0; i < operations * CHECKS; i++) {
    lines = lines + 1 | 0;
    if (observers.active) observers.written(0n, 0);
  }
});

const times = interleave(works);
const values: Values = {};
const off = (times.get("loop with a check")! - times.get("loop")!) / CHECKS;
for (const size of SIZES) {
  const worker = times.get(`${size}/worker`)!;
  const reader = times.get(`${size}/both`)! - worker;
  values[`${size} bytes of UDP`] = { off, worker, reader };
}
printValues(values);
