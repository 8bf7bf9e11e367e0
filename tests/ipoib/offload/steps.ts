/** Packets of several flows, made from steps: each step is the next packet of a flow, or one that differs from it. */

import type { Received } from "./coalescer_rig.ts";
import { writeChecksums } from "./segmentation.ts";
import { hex } from "../../wire/support.ts";

const [TCP, UDP, ICMP] = [6, 17, 1];
const ACK = 0x10;

/** A flow. */
interface Flow {
  readonly version: 4 | 6;
  readonly protocol: number;
  /** Last byte of the source address. */
  readonly source: number;
  readonly port: number;
  /** TCP options; a multiple of 4 bytes. */
  readonly options: Uint8Array;
}

const NONE = new Uint8Array(0);
/** Two NOPs, and a timestamp option. */
const TIMESTAMPS = hex("01 01 08 0a 00000001 00000002");

function flow(
  version: 4 | 6,
  protocol: number,
  port: number,
  options = NONE,
  source = 2,
): Flow {
  return { version, protocol, port, options, source };
}

/** The flows, more than are coalesced at a time. The first two are of TCP with and without timestamps. */
export const FLOWS: readonly Flow[] = [
  flow(4, TCP, 1, TIMESTAMPS),
  flow(4, TCP, 2),
  flow(6, TCP, 1, TIMESTAMPS),
  flow(6, TCP, 2),
  flow(4, UDP, 1),
  flow(6, UDP, 1),
  flow(4, ICMP, 0),
  flow(4, TCP, 1, TIMESTAMPS, 3),
  flow(6, TCP, 1, TIMESTAMPS, 3),
  ...[3, 4, 5, 6].map((port) => flow(4, TCP, port, TIMESTAMPS)),
];

/**
 * Correctness of the checksums. With "ones" a checksum is correct, but 0xffff instead of 0. With "header" it is that of
 * the IPv4 header.
 */
export const CHECKSUMS = [
  ...["right", "wrong", "wrong header", "ones", "ones header"] as const,
];
type Checksum = typeof CHECKSUMS[number];

/** A packet. */
export interface Step {
  /** Index of the flow. */
  readonly flow: number;
  /** Bytes of payload. */
  readonly size: number;
  /** Difference of the sequence number from the next one of the flow. */
  readonly skip: number;
  /** Difference of the identification from the next one of the flow. */
  readonly skipId: number;
  /** TCP flags in addition to ACK. */
  readonly flags: number;
  /** Header byte that is changed, and the bits that are changed in it. Checksums are correct for the result. */
  readonly at: number;
  readonly bits: number;
  readonly checksum: Checksum;
  /** True if the HCA has verified the checksums. Ignored if they are wrong. */
  readonly verified: boolean;
  /** True if the poll ends after the packet. */
  readonly ends: boolean;
}

/** The next packet of a flow, with correct checksums that the HCA has not verified. */
export function plain(
  flow: number,
  size: number,
  more: Partial<Step> = {},
): Step {
  return {
    ...{ flow, size, skip: 0, skipId: 0, flags: 0, at: 0, bits: 0 },
    ...{ checksum: "right", verified: false, ends: false },
    ...more,
  };
}

/** Makes the packets of steps. Keeps the state of the flows. */
export class Packets {
  readonly #sequence = FLOWS.map((_, i) => 0xfffff000 + 1000 * i);
  readonly #id = FLOWS.map((_, i) => 0xfff0 + i);
  #fill = 0;

  next(step: Step): Received {
    const flow = FLOWS[step.flow]!;
    const transport = this.#transport(step, flow);
    const packet = flow.version === 4
      ? this.#ipv4(step, flow, transport)
      : this.#ipv6(flow, transport);
    const headers = packet.length - step.size;
    if (step.at < headers) packet[step.at]! ^= step.bits;
    writeChecksums(packet);
    const right = this.#spoil(step, packet);
    return { packet, verified: step.verified && right };
  }

  /** Changes a checksum. Returns false if a checksum is wrong afterwards. */
  #spoil({ checksum, flow: index }: Step, packet: Uint8Array): boolean {
    const { version, protocol } = FLOWS[index]!;
    const view = new DataView(packet.buffer);
    const transport = version === 4 ? 20 : 40;
    const field = transport + (protocol === TCP ? 16 : 6);
    if (checksum === "right") return true;
    if (checksum.startsWith("wrong")) {
      const at = checksum === "wrong header" && version === 4 ? 10 : field;
      view.setUint16(at, view.getUint16(at) ^ 0x0101);
      return false;
    }
    // 0xffff is the other representation of 0: it verifies, but the kernel does not write it. Adding the checksum to a
    // word makes the checksum 0.
    const inHeader = checksum === "ones header" && version === 4;
    const at = inHeader ? 10 : field;
    const word = inHeader ? 4 : packet.length - 2 - packet.length % 2;
    if (word <= at + 2 && !inHeader) return true;
    const total = view.getUint16(word) + view.getUint16(at);
    view.setUint16(word, total > 0xffff ? total - 0xffff : total);
    if (inHeader) this.#id[index] = view.getUint16(word) + 1;
    writeChecksums(packet);
    if (view.getUint16(at) === 0) view.setUint16(at, 0xffff);
    return true;
  }

  #transport({ size, skip, flags, flow: index }: Step, flow: Flow): Uint8Array {
    const header = flow.protocol === TCP ? 20 + flow.options.length : 8;
    const bytes = new Uint8Array(header + size);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 1000 + flow.port);
    view.setUint16(2, 80);
    if (flow.protocol === UDP) view.setUint16(4, bytes.length);
    if (flow.protocol === TCP) {
      const sequence = this.#sequence[index]! + skip;
      view.setUint32(4, sequence);
      this.#sequence[index] = (sequence + size) >>> 0;
      view.setUint32(8, 77);
      bytes[12] = header << 2;
      bytes[13] = ACK | flags;
      view.setUint16(14, 5000);
      bytes.set(flow.options, 20);
    }
    for (let i = header; i < bytes.length; i++) bytes[i] = this.#fill++ * 7;
    return bytes;
  }

  #ipv4(
    { skipId, flow: index }: Step,
    flow: Flow,
    rest: Uint8Array,
  ): Uint8Array {
    const packet = new Uint8Array(20 + rest.length);
    const view = new DataView(packet.buffer);
    const id = this.#id[index]! + skipId & 0xffff;
    this.#id[index] = id + 1;
    packet[0] = 0x45;
    view.setUint16(2, packet.length);
    view.setUint16(4, id);
    view.setUint16(6, 0x4000);
    packet[8] = 64;
    packet[9] = flow.protocol;
    packet.set([10, 0, 0, flow.source, 10, 0, 0, 1], 12);
    packet.set(rest, 20);
    return packet;
  }

  #ipv6(flow: Flow, rest: Uint8Array): Uint8Array {
    const packet = new Uint8Array(40 + rest.length);
    packet.set([0x60, 0, 0x12, 0x34]);
    new DataView(packet.buffer).setUint16(4, rest.length);
    packet[6] = flow.protocol;
    packet[7] = 64;
    packet.set([0xfd, flow.source], 8);
    packet.set([0xfd, 1], 24);
    packet.set(rest, 40);
    return packet;
  }
}
