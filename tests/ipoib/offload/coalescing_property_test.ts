/** Random packets of several flows: segmentation of the written frames gives back the packets. */

import { assert } from "@std/assert";
import fc from "fast-check";
import { FULL } from "../../../scripts/test/form.ts";
import { checkPoll, CoalescerRig, familyOf, POLL } from "./coalescer_rig.ts";
import { CHECKSUMS, FLOWS, Packets, type Step } from "./steps.ts";

const RUNS = FULL ? 20_000 : 500;
const MSS = 300;

/** Mostly `usual`, otherwise one of the others. */
function mostly<T>(usual: T, others: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: others },
  );
}

const step: fc.Arbitrary<Step> = fc.record({
  flow: fc.oneof(fc.nat(2), fc.nat(FLOWS.length - 1)),
  size: mostly(MSS, fc.constantFrom(0, 1, 2, MSS - 1, MSS + 1, 2 * MSS, 1900)),
  skip: mostly(0, fc.constantFrom(MSS, -MSS, 1, -1, 2 ** 31)),
  skipId: mostly(0, fc.constantFrom(1, -1, 300)),
  flags: mostly(0, fc.nat(0xff)),
  at: fc.nat(99),
  bits: mostly(0, fc.nat(0xff)),
  checksum: mostly("right" as const, fc.constantFrom(...CHECKSUMS)),
  verified: fc.boolean(),
  ends: fc.constant(false),
});

for (const udp of [false, true]) {
  Deno.test(`coalesced packets are segmented into the same packets, ${udp ? "with" : "without"} UDP`, () => {
    let merged = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: POLL, size: "max" }), (steps) => {
        const rig = new CoalescerRig();
        rig.coalescer.udp = udp;
        const packets = new Packets();
        const received = steps.map((each) => packets.next(each))
          .filter(({ packet }) => familyOf(packet) !== undefined);
        const written = rig.poll(received);
        checkPoll(received, written);
        merged += received.length - written.length;
      }),
      { numRuns: RUNS },
    );
    assert(merged > RUNS, `${merged} packets were coalesced`);
  });
}
