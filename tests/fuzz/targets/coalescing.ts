/**
 * Fuzz target of the coalescing of received packets: segmentation of the written frames gives back the packets.
 *
 * Bit 0 of the first byte enables UDP. Each further eight bytes are a packet:
 *
 * | byte | meaning                                                                                             |
 * |------|-----------------------------------------------------------------------------------------------------|
 * | 0    | flow (bits 0 to 3), verified by the HCA (bit 6), last packet of a poll (bit 7)                      |
 * | 1    | bytes of payload, an index of SIZES                                                                 |
 * | 2    | TCP flags                                                                                           |
 * | 3    | difference of the sequence number, signed, in units of the usual payload                            |
 * | 4    | difference of the identification, signed                                                            |
 * | 5, 6 | header byte that is changed, and the bits that are changed in it                                    |
 * | 7    | checksums, an index of CHECKSUMS                                                                    |
 */

import {
  checkPoll,
  CoalescerRig,
  familyOf,
  POLL,
} from "../../ipoib/offload/coalescer_rig.ts";
import {
  CHECKSUMS,
  FLOWS,
  Packets,
  type Step,
} from "../../ipoib/offload/steps.ts";
import { viewOf } from "../../wire/support.ts";
import type { FuzzTarget } from "./target.ts";

const STEP = 8;
const USUAL = 64;
const SIZES = [USUAL, 0, 1, USUAL - 1, USUAL + 1, 2 * USUAL, 7, 1900];

function choose<T>(values: readonly T[], index: number): T {
  return values[index % values.length]!;
}

function stepOf(input: DataView, at: number): Step {
  const byte = (i: number) => input.getUint8(at + i);
  return {
    flow: (byte(0) & 15) % FLOWS.length,
    size: choose(SIZES, byte(1)),
    skip: input.getInt8(at + 3) * USUAL,
    skipId: input.getInt8(at + 4),
    flags: byte(2),
    at: byte(5),
    bits: byte(6),
    checksum: choose(CHECKSUMS, byte(7)),
    verified: (byte(0) & 0x40) !== 0,
    ends: (byte(0) & 0x80) !== 0,
  };
}

/** Returns true if packets were coalesced. */
function run(input: Uint8Array): boolean {
  if (input.length === 0) return false;
  const rig = new CoalescerRig();
  rig.coalescer.udp = (input[0]! & 1) !== 0;
  const packets = new Packets();
  const view = viewOf(input);
  let coalesced = false;
  let poll = [];
  for (let at = 1; at + STEP <= input.length; at += STEP) {
    const step = stepOf(view, at);
    const received = packets.next(step);
    if (familyOf(received.packet) !== undefined) poll.push(received);
    const last = at + 2 * STEP > input.length;
    if (!last && !step.ends && poll.length < POLL) continue;
    const written = rig.poll(poll);
    checkPoll(poll, written);
    if (written.length < poll.length) coalesced = true;
    poll = [];
  }
  return coalesced;
}

export const coalescingTarget: FuzzTarget = {
  name: "coalescing",
  kind: "bytes",
  fullMutations: 1_000_000,
  open: () => ({ run }),
};
