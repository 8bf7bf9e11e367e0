import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { TableReceiver, WINDOW } from "../../src/sa/table_receiver.ts";
import { Method } from "../../src/wire/mad.ts";
import { RmppStatus, segmentTable } from "../../src/wire/sa/rmpp.ts";
import {
  NO_RMPP,
  type Rmpp,
  RmppFlag,
  RmppType,
  SaAttribute,
  SaMad,
} from "../../src/wire/sa/sa_mad.ts";

/** The segments of a table of so many bytes. */
function segments(length: number): SaMad[] {
  const table = Uint8Array.from({ length }, (_, i) => i * 7);
  return segmentTable({
    classVersion: 2,
    method: Method.GetTableResp,
    status: 0,
    transactionId: 1n,
    attributeId: SaAttribute.PathRecord,
    attributeModifier: 0,
    rmpp: NO_RMPP,
    smKey: 0n,
    attributeOffset: 8,
    componentMask: 0n,
    data: new Uint8Array(0),
  }, table).map((mad) => SaMad.parse(mad)!);
}

const replyOf = (mad: Uint8Array | undefined) => mad && SaMad.parse(mad)!.rmpp;

Deno.test("TableReceiver puts segments together that come in any order, some twice", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 3000 }),
      fc.infiniteStream(fc.nat()),
      (length, choices) => {
        const mads = segments(length);
        const rest = [...mads, ...mads];
        const receiver = new TableReceiver();
        for (const choice of choices) {
          const [mad] = rest.splice(choice % rest.length, 1);
          const { table } = receiver.take(mad!);
          if (table === undefined) continue;
          assertEquals(table.stride, 64);
          assertEquals(
            table.data,
            Uint8Array.from({ length }, (_, i) => i * 7),
          );
          return;
        }
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("TableReceiver acknowledges the first, the last and every full window", () => {
  const receiver = new TableReceiver();
  const mads = segments(200 * (WINDOW + 2));
  const acks = mads.map((mad) => replyOf(receiver.take(mad).reply))
    .flatMap((ack) => ack ? [[ack.segment, ack.payloadLength]] : []);
  assertEquals(acks, [
    [1, WINDOW],
    [WINDOW, 2 * WINDOW],
    [WINDOW + 2, 2 * WINDOW],
  ]);
});

Deno.test("TableReceiver leaves what is beyond its window", () => {
  const receiver = new TableReceiver();
  const mads = segments(200 * (WINDOW + 2));
  assertEquals(receiver.take(mads[WINDOW]!), {});
});

const BAD: [string, Partial<Rmpp>, number][] = [
  ["another version", { version: 2 }, RmppStatus.UnsupportedVersion],
  ["an ACK", { type: RmppType.Ack }, RmppStatus.BadType],
  ["segment 0", { segment: 0 }, RmppStatus.InconsistentFirst],
  [
    "a second segment that is the first",
    { segment: 2 },
    RmppStatus.InconsistentFirst,
  ],
  [
    "a first segment that is not the first",
    { flags: RmppFlag.Active },
    RmppStatus.InconsistentFirst,
  ],
  [
    "a last segment that is too long",
    { flags: 7, payloadLength: 221 },
    RmppStatus.InconsistentLength,
  ],
  [
    "a last segment without its header",
    { flags: 7, payloadLength: 19 },
    RmppStatus.InconsistentLength,
  ],
  [
    "more than any table has",
    { segment: 1 << 17, flags: RmppFlag.Active },
    RmppStatus.NoResources,
  ],
];

for (const [what, change, status] of BAD) {
  Deno.test(`TableReceiver aborts at ${what}`, () => {
    const [first] = segments(900);
    const step = new TableReceiver().take({
      ...first!,
      rmpp: { ...first!.rmpp, ...change },
    });
    assertEquals(step.failed, true);
    const { type, status: told } = replyOf(step.reply)!;
    assertEquals(told, status);
    assertEquals(
      type,
      status === RmppStatus.NoResources ? RmppType.Stop : RmppType.Abort,
    );
  });
}

Deno.test("TableReceiver fails silently at STOP, ABORT and what is no RMPP", () => {
  const [first] = segments(900);
  for (
    const change of [
      { type: RmppType.Stop },
      { type: RmppType.Abort },
      { flags: 0 },
    ]
  ) {
    const receiver = new TableReceiver();
    const mad = { ...first!, rmpp: { ...first!.rmpp, ...change } };
    assertEquals(receiver.take(mad), { failed: true });
    assertEquals(receiver.giveUp(), undefined);
  }
});

Deno.test("TableReceiver.giveUp() aborts what has begun", () => {
  const receiver = new TableReceiver();
  assertEquals([receiver.started, receiver.giveUp()], [false, undefined]);
  receiver.take(segments(900)[0]!);
  assertEquals(receiver.started, true);
  assertEquals(replyOf(receiver.giveUp())!.status, RmppStatus.TotalTime);
});
