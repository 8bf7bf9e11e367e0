import { assertEquals } from "@std/assert";
import { Method } from "../../../src/wire/mad.ts";
import {
  abortMad,
  RmppStatus,
  segmentTable,
} from "../../../src/wire/sa/rmpp.ts";
import {
  RmppFlag,
  RmppType,
  SaAttribute,
  SaMad,
} from "../../../src/wire/sa/sa_mad.ts";

const HEADER = SaMad.of({
  method: Method.GetTableResp,
  transactionId: 0x1122_3344n,
  attributeId: SaAttribute.PathRecord,
  attributeOffset: 8,
  componentMask: 4n,
});
const { Active, First, Last } = RmppFlag;

Deno.test("segmentTable() counts the SA headers of all segments in PayloadLength of the first", () => {
  const table = Uint8Array.from({ length: 450 }, (_, i) => i);
  const mads = segmentTable(HEADER, table);
  const segments = mads.map((mad) => SaMad.parse(mad)!);
  assertEquals(
    segments.map(({ rmpp }) => [rmpp.segment, rmpp.flags, rmpp.payloadLength]),
    [
      [1, Active | First, 450 + 3 * 20],
      [2, Active, 0],
      [3, Active | Last, 50 + 20],
    ],
  );
  for (const { attributeOffset, componentMask, method } of segments) {
    assertEquals([attributeOffset, componentMask, method], [8, 4n, 0x92]);
  }
  assertEquals(segments[1]!.data, table.slice(200, 400));
  assertEquals(
    segments[2]!.data.slice(0, 51),
    Uint8Array.of(
      ...table.slice(400),
      0,
    ),
  );
  // RMPP header of the second segment, byte by byte.
  assertEquals(
    mads[1]!.slice(24, 36),
    Uint8Array.of(1, 1, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0),
  );
});

Deno.test("segmentTable() makes one segment of an empty table and of a table of 200 bytes", () => {
  for (const length of [0, 200]) {
    const [only, ...rest] = segmentTable(HEADER, new Uint8Array(length));
    assertEquals(rest, []);
    const { rmpp } = SaMad.parse(only!)!;
    assertEquals([rmpp.flags, rmpp.payloadLength], [7, 20 + length]);
  }
});

Deno.test("abortMad() has the method, TransactionID and RMPP status of the aborted transfer", () => {
  const data = SaMad.parse(segmentTable(HEADER, new Uint8Array(900))[2]!)!;
  const abort = SaMad.parse(
    abortMad(data, Method.GetTable, RmppStatus.SegmentTooBig),
  )!;
  assertEquals([abort.method, abort.transactionId], [0x12, 0x1122_3344n]);
  assertEquals(abort.rmpp, {
    version: 1,
    type: RmppType.Abort,
    respTime: 0,
    flags: Active,
    status: 123,
    segment: 0,
    payloadLength: 0,
  });
});
