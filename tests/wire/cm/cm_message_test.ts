import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { CM_MESSAGE_OFFSET } from "../../../src/wire/cm/cm_mad.ts";
import { type CmKind, CmMessage } from "../../../src/wire/cm/cm_message.ts";
import { Rej } from "../../../src/wire/cm/rej.ts";
import { Rep } from "../../../src/wire/cm/rep.ts";
import { Req, ReqPath } from "../../../src/wire/cm/req.ts";
import { MAD_LENGTH, Method, MgmtClass } from "../../../src/wire/mad.ts";
import { prefilled } from "../support.ts";
import { KINDS, SAMPLES } from "./samples.ts";

/** Reserved bits by kind: offset in the message and mask. */
const RESERVED: Record<CmKind, readonly (readonly [number, number])[]> = {
  req: [
    ...[4, 5, 6, 7, 24, 25, 26, 27].map((at) => [at, 0xff] as const),
    ...[52, 96].flatMap((path) =>
      [
        [path + 38, 0x0f],
        [path + 39, 0xc0],
        [path + 42, 0x07],
        [path + 43, 0x07],
      ] as const
    ),
  ],
  mra: [[8, 0x3f], [9, 0x07]],
  rej: [[8, 0x3f], [9, 0x01]],
  rep: [[15, 0xff], [19, 0xff], [23, 0xff], [27, 0x0f]],
  rtu: [],
  dreq: [[11, 0xff]],
  drep: [],
};

for (const kind of KINDS) {
  const { message, bytes } = SAMPLES[kind];

  Deno.test(`${kind} is emitted as the golden bytes`, () => {
    assertEquals(CmMessage.emit(message), bytes);
  });

  Deno.test(`${kind} is parsed from the golden bytes at any offset`, () => {
    assertEquals(CmMessage.parse(bytes), message);
    const shifted = prefilled(MAD_LENGTH + 6);
    shifted.set(bytes, 5);
    const parsed = CmMessage.parse(shifted.subarray(5, 5 + MAD_LENGTH));
    assertEquals(parsed, message);
    shifted.fill(0);
    assertEquals(parsed, message, "the parsed message has its own bytes");
  });

  Deno.test(`${kind} survives a round trip of any bytes`, () => {
    const length = MAD_LENGTH - CM_MESSAGE_OFFSET;
    const bodies = fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(fc.property(bodies, (body) => {
      for (const [at, mask] of RESERVED[kind]) body[at]! &= ~mask;
      if (kind === "rej") {
        const ari = Math.min(body[9]! >> 1, 72);
        body[9] = ari << 1;
        body.fill(0, 12 + ari, 84);
      }
      const mad = bytes.slice();
      mad.set(body, CM_MESSAGE_OFFSET);
      const parsed = CmMessage.parse(mad);
      assert(parsed !== undefined && parsed.kind === kind);
      assertEquals(CmMessage.emit(parsed), mad);
    }));
  });

  Deno.test(`${kind} with too much private data throws a RangeError`, () => {
    const long = new Uint8Array(message.body.privateData.length + 1);
    const body = { ...message.body, privateData: long };
    assertThrows(
      () => CmMessage.emit({ ...message, body } as CmMessage),
      RangeError,
    );
  });
}

Deno.test("a message with an unknown attribute is reported as such", () => {
  const mad = SAMPLES.rtu.bytes.slice();
  mad[17] = 0x17;
  assertEquals(CmMessage.parse(mad), {
    kind: "unknown",
    transactionId: 0x0000000a11223344n,
    attributeId: 0x17,
  });
});

Deno.test("a MAD of another class, version, method, status or length is no message", () => {
  for (
    const [at, value] of [
      [0, 2],
      [1, MgmtClass.SubnAdm],
      [2, 1],
      [3, Method.Get],
      [5, 4],
    ] as const
  ) {
    const mad = SAMPLES.req.bytes.slice();
    mad[at] = value;
    assertEquals(CmMessage.parse(mad), undefined, `byte ${at}`);
  }
  assertEquals(CmMessage.parse(SAMPLES.req.bytes.subarray(0, 255)), undefined);
});

Deno.test("the formats refuse messages of a wrong length", () => {
  const short = new Uint8Array(MAD_LENGTH - CM_MESSAGE_OFFSET - 1);
  for (const parse of [Req.parse, Rep.parse, Rej.parse]) {
    assertEquals(parse(short), undefined);
  }
});

Deno.test("reject information beyond 72 bytes is cut off, and emitted with an error", () => {
  const mad = SAMPLES.rej.bytes.slice();
  mad[CM_MESSAGE_OFFSET + 9] = 0xff;
  const parsed = CmMessage.parse(mad);
  assert(parsed?.kind === "rej");
  assertEquals(parsed.body.ari.length, 72);
  assertThrows(
    () => Rej.emit(Rej.of({ ari: new Uint8Array(73) })),
    RangeError,
    "Reject information of 73 bytes",
  );
});

Deno.test("of() fills all other fields with zeros", () => {
  const { localCommId, primary } = Req.of({
    localCommId: 7,
    primary: ReqPath.of({ localLid: 1 }),
  });
  assertEquals([localCommId, primary.localLid, primary.remoteLid], [7, 1, 0]);
  assertEquals(Rep.emit(Rep.of()), new Uint8Array(232));
  assertEquals(Rej.emit(Rej.of()), new Uint8Array(232));
  assertEquals(Req.emit(Req.of()), new Uint8Array(232));
});
