import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  RING_BYTES,
  RingReceiver,
  RingSender,
  Wake,
} from "../../../src/hca/soft/ring.ts";

const ENTRIES = 256;
const DESCRIPTOR_HEAD = 0;
const RETURN_HEAD = 16;

function ring() {
  const words = new Int32Array(RING_BYTES / 4);
  return {
    words,
    sender: new RingSender(words),
    receiver: new RingReceiver(words),
  };
}

function drain(receiver: RingReceiver): [number, number][] {
  const taken: [number, number][] = [];
  for (let n = receiver.waiting(); n > 0; n--) {
    receiver.take();
    taken.push([receiver.slot, receiver.length]);
  }
  return taken;
}

Deno.test("descriptors become visible when they are published", () => {
  const { sender, receiver } = ring();
  sender.push(7, 100);
  sender.push(8, 200);
  assertEquals(receiver.waiting(), 0);
  sender.publish();
  assertEquals(receiver.waiting(), 2);
  assertEquals(drain(receiver), [[7, 100], [8, 200]]);
  assertEquals(receiver.waiting(), 0);
});

Deno.test("returns become visible when they are published", () => {
  const { sender, receiver } = ring();
  receiver.giveBack(7);
  assertEquals(sender.returns(), 0);
  receiver.publishReturns();
  assertEquals(sender.returns(), 1);
  assertEquals(sender.takeReturn(), 7);
  assertEquals(sender.returns(), 0);
});

Deno.test("the rings wrap with batches of any size", () => {
  const batches = fc.array(fc.integer({ min: 0, max: ENTRIES }), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(batches, (sizes) => {
      const { sender, receiver } = ring();
      let next = 0;
      for (const size of sizes) {
        const sent: [number, number][] = [];
        for (let i = 0; i < size; i++) {
          sent.push([next & 255, next]);
          sender.push(next & 255, next);
          next++;
        }
        sender.publish();
        const taken = drain(receiver);
        assertEquals(taken, sent);
        for (const [slot] of taken) receiver.giveBack(slot);
        receiver.publishReturns();
        assertEquals(sender.returns(), size);
        for (const [slot] of sent) assertEquals(sender.takeReturn(), slot);
      }
    }),
    { seed: 7, numRuns: 30 },
  );
});

Deno.test("a head that is ahead by more than the ring holds, or moves backwards, is invalid", () => {
  for (const head of [ENTRIES + 1, 0x40000000, -1, -0x80000000]) {
    const { words, sender, receiver } = ring();
    words[DESCRIPTOR_HEAD] = head;
    words[RETURN_HEAD] = head;
    assertEquals(receiver.waiting() < 0, true, String(head));
    assertEquals(sender.returns() < 0, true, String(head));
  }
  const { words, sender, receiver } = ring();
  words[DESCRIPTOR_HEAD] = ENTRIES;
  words[RETURN_HEAD] = ENTRIES;
  assertEquals([receiver.waiting(), sender.returns()], [ENTRIES, ENTRIES]);
});

Deno.test("a wake request is cleared when it is taken", () => {
  const { sender, receiver } = ring();
  const both = () => [sender.takeWake(), receiver.takeWake()];
  assertEquals(both(), [Wake.None, Wake.None]);
  receiver.announceSleep(1);
  assertEquals(receiver.takeWake(), Wake.None, "another word");
  assertEquals(sender.takeWake(), Wake.None, "no descriptor was sent");
  sender.push(1, 1);
  assertEquals([sender.takeWake(), sender.takeWake()], [Wake.Bell, Wake.None]);
  sender.announceWait(true);
  assertEquals(receiver.takeWake(), Wake.Bell);
  assertEquals(receiver.takeWake(), Wake.None);
  receiver.announceSleep(0);
  receiver.retractSleep();
  sender.announceWait(true);
  sender.announceWait(false);
  assertEquals(both(), [Wake.None, Wake.None]);
});

Deno.test("a receiver with a parked link is woken once, on the connection, for the first packet", () => {
  const { sender, receiver } = ring();
  receiver.announceParked();
  sender.push(1, 1);
  assertEquals(sender.takeWake(), Wake.Connection);
  assertEquals(sender.takeWake(), Wake.None);
  receiver.announceParked();
  assertEquals([sender.takeSleep(), sender.takeSleep()], [
    Wake.Connection,
    Wake.None,
  ]);
});

Deno.test("an undefined wake request is cleared and answered on the connection", () => {
  const { words, sender, receiver } = ring();
  for (const word of [7, -1, 0x7fffffff]) {
    words[32] = word;
    words[48] = word;
    assertEquals(sender.takeWake(), Wake.Connection);
    assertEquals(receiver.takeWake(), Wake.Connection);
    assertEquals([words[32], words[48]], [0, 0]);
  }
});

Deno.test("a sleeping receiver may hold unpublished returns until the sender waits for slots", () => {
  const { sender, receiver } = ring();
  receiver.giveBack(3);
  receiver.giveBack(4);
  assertEquals([receiver.unpublished, sender.returns()], [2, 0]);
  assertEquals([receiver.senderWaits, sender.takeSleep()], [false, Wake.None]);
  receiver.announceSleep(64);
  sender.announceWait(true);
  assertEquals(sender.takeWake(), Wake.None, "no descriptor was sent");
  assertEquals(sender.takeSleep(), Wake.Bell);
  assertEquals(sender.takeSleep(), Wake.None);
  assertEquals(receiver.senderWaits, true);
  receiver.publishReturns();
  assertEquals([receiver.unpublished, sender.returns()], [0, 2]);
  assertEquals(receiver.takeWake(), Wake.Bell);
  assertEquals(receiver.senderWaits, false);
});

Deno.test("a receiver is woken at the requested head, also where the ring wraps", () => {
  const { words, sender, receiver } = ring();
  for (let turn = 0; turn < 40; turn++) {
    receiver.announceSleep(16);
    for (let i = 1; i < 16; i++) {
      sender.push(0, 1);
      sender.publish();
      assertEquals([sender.takeWake(), receiver.has(16)], [Wake.None, false]);
    }
    assertEquals(receiver.has(15), true);
    sender.push(0, 1);
    sender.publish();
    assertEquals([receiver.has(16), sender.takeWake()], [true, Wake.Bell]);
    assertEquals(drain(receiver).length, 16);
  }
  words[DESCRIPTOR_HEAD] = -1;
  assertEquals(receiver.has(64), true, "an invalid head counts as work");
});
