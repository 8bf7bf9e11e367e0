/** A coalescer whose packets are in memory like that of a verbs receive queue, and a check of what it writes. */

import { assert, assertEquals } from "@std/assert";
import { ipv4Family } from "../../../src/ipoib/family/ipv4_family.ts";
import { ipv6Family } from "../../../src/ipoib/family/ipv6_family.ts";
import { Coalescer } from "../../../src/ipoib/offload/coalescer.ts";
import {
  type GatheredFrame,
  IOVEC_LENGTH,
} from "../../../src/system/frames.ts";
import { EthernetKind } from "../../../src/wire/ethernet.ts";
import { writeEthernetHeader } from "../../../src/wire/frame_header.ts";
import { SummedMemory } from "../../../src/wire/summed_memory.ts";
import { viewOf } from "../../wire/support.ts";
import {
  addressesOf,
  flowOf,
  hasValidChecksums,
  segmentsOf,
} from "./segmentation.ts";

const STRIDE = 4160;
const VNET = 18;
const PACKET = 44;
const FRAME_HEADER = PACKET - VNET;
const DATA_VALID = 2;
/** Maximum number of packets of a poll. */
export const POLL = 64;
/** Address of the memory. The low halves of the addresses overflow within it. */
const BASE = 0x7f00_fffe_0000n;

/** A received packet. */
export interface Received {
  readonly packet: Uint8Array;
  /** True if the HCA has verified the checksums. */
  readonly verified: boolean;
}

/** A frame that was written to the device. */
export interface Written {
  readonly frame: Uint8Array;
  /** Number of packets, and their bytes with frame headers, as the writer reports them. */
  readonly packets: number;
  readonly bytes: number;
}

/** Returns the address family of a packet, or undefined if the receive path drops it. */
export function familyOf(packet: Uint8Array) {
  return [ipv4Family, ipv6Family].find((family) =>
    packet.length > 0 && family.isPacket(viewOf(packet), 0, packet.length)
  );
}

/** Memory of the packets of a poll, like that of a verbs receive queue. */
export class PollMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #memory = new SummedMemory(POLL * STRIDE);
  readonly #addresses: readonly bigint[];

  /** @param base the address that the coalescer uses for the memory */
  constructor(base: bigint | ((bytes: Uint8Array<ArrayBuffer>) => bigint)) {
    this.bytes = this.#memory.bytes;
    const first = typeof base === "bigint" ? base : base(this.bytes);
    this.#addresses = Array.from(
      { length: POLL },
      (_, slot) => first + BigInt(slot * STRIDE + VNET),
    );
  }

  /** Passes the packets of one poll to a coalescer. */
  poll(coalescer: Coalescer, received: readonly Received[]): void {
    assert(received.length <= POLL);
    received.forEach((each, slot) => this.#receive(coalescer, each, slot));
    coalescer.flush();
  }

  #receive(coalescer: Coalescer, { packet, verified }: Received, slot: number) {
    const family = familyOf(packet);
    assert(family?.coalescing, "the packet is one of IPv4 or IPv6");
    const at = slot * STRIDE;
    this.bytes.fill(0, at + VNET, at + PACKET);
    if (verified) this.bytes[at + VNET] = DATA_VALID;
    const { view, sum } = this.#memory;
    writeEthernetHeader(
      view,
      at + VNET + 12,
      EthernetKind.Host,
      family.etherType,
    );
    this.bytes.set(packet, at + PACKET);
    coalescer.add(
      family.coalescing,
      view,
      at + PACKET,
      packet.length,
      this.#addresses[slot]!,
      verified,
      sum,
    );
  }
}

/** See the comment at the top of this file. */
export class CoalescerRig {
  readonly written: Written[] = [];
  takesUdpFrames = true;
  readonly coalescer = new Coalescer(this);
  readonly #memory = new PollMemory(BASE);

  /** Coalesces the packets of one poll, and returns the frames that were written. */
  poll(received: readonly Received[]): Written[] {
    this.#memory.poll(this.coalescer, received);
    return this.written.splice(0);
  }

  write(address: bigint, length: number): void {
    const frame = this.#resolve(address, length);
    this.written.push({ frame, packets: 1, bytes: length });
  }

  writeGathered({ vectors, pieces, packets, bytes }: GatheredFrame): void {
    const view = viewOf(vectors);
    const parts = Array.from({ length: pieces }, (_, i) =>
      this.#resolve(
        view.getBigUint64(i * IOVEC_LENGTH, true),
        Number(view.getBigUint64(i * IOVEC_LENGTH + 8, true)),
      ));
    const length = parts.reduce((total, part) => total + part.length, 0);
    const frame = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      frame.set(part, at);
      at += part.length;
    }
    this.written.push({ frame, packets, bytes });
  }

  #resolve(address: bigint, length: number): Uint8Array {
    const at = Number(address - BASE);
    const { bytes } = this.#memory;
    assert(at >= 0 && at + length <= bytes.length);
    return bytes.slice(at, at + length);
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Returns the value of a key, which is made if it is missing. */
function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

/** Packets between two addresses: those that were received, and the number of those that were written. */
interface Traffic {
  received: number;
  written: number;
}

/**
 * Checks that segmentation of the written frames gives the packets of a poll, those of each flow in order, and those
 * that may be of any flow in the order of all packets between their addresses.
 */
export function checkPoll(
  received: readonly Received[],
  written: readonly Written[],
): void {
  const traffic = new Map<string, Traffic>();
  const flows = new Map<string, { received: Received; number: number }[]>();
  for (const each of received) {
    const addresses = addressesOf(each.packet);
    const between = entry(
      traffic,
      addresses,
      () => ({ received: 0, written: 0 }),
    );
    const flow = flowOf(each.packet) ?? addresses;
    entry(flows, flow, () => []).push({
      received: each,
      number: between.received++,
    });
  }
  for (const { frame, packets, bytes } of written) {
    const segments = segmentsOf(frame);
    assertEquals(packets, segments.length);
    assertEquals(
      bytes,
      segments.reduce((sum, { length }) => sum + FRAME_HEADER + length, 0),
    );
    for (const segment of segments) {
      const addresses = addressesOf(segment);
      const flow = flowOf(segment);
      const next = flows.get(flow ?? addresses)?.shift();
      assert(
        next && same(next.received.packet, segment),
        "the next packet of the flow",
      );
      const between = traffic.get(addresses)!;
      if (flow === undefined) assertEquals(between.written, next.number);
      between.written++;
      const { verified } = next.received;
      if (segments.length > 1) {
        assert(
          verified || hasValidChecksums(segment),
          "wrong checksums are not hidden",
        );
      } else if ((frame[0]! & DATA_VALID) !== 0) {
        assert(verified || hasValidChecksums(segment));
      } else assert(!verified);
    }
  }
  for (const left of flows.values()) {
    assertEquals(left.length, 0, "no packet is lost");
  }
}
