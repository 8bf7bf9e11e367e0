import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MAD_LENGTH, Method } from "../../../src/wire/mad.ts";
import {
  NO_RMPP,
  RmppFlag,
  RmppType,
  SA_CLASS_VERSION,
  SaAttribute,
  SaMad,
} from "../../../src/wire/sa/sa_mad.ts";
import { hex } from "../support.ts";

const GOLDEN = hex(
  "01 03 02 92 0000 0000 0000000000000007 0038 0000 00000000" + // common
    "01 01 9f 00 00000001 0000004c" + // RMPP: DATA, 19, active first last
    "1122334455667788 0007 0000 0000000000010083" + // SA
    "aabbccdd",
);

const RECORD: SaMad = {
  classVersion: SA_CLASS_VERSION,
  method: Method.GetTableResp,
  status: 0,
  transactionId: 7n,
  attributeId: SaAttribute.McMemberRecord,
  attributeModifier: 0,
  rmpp: {
    version: 1,
    type: RmppType.Data,
    respTime: 19,
    flags: RmppFlag.Active | RmppFlag.First | RmppFlag.Last,
    status: 0,
    segment: 1,
    payloadLength: 76,
  },
  smKey: 0x1122334455667788n,
  attributeOffset: 7,
  componentMask: 0x10083n,
  data: hex("aabbccdd"),
};

Deno.test("SaMad.emit() writes the golden bytes and pads with zeros", () => {
  const mad = SaMad.emit(RECORD);
  const expected = new Uint8Array(MAD_LENGTH);
  expected.set(GOLDEN);
  assertEquals(mad, expected);
});

Deno.test("SaMad.parse() reads the golden bytes", () => {
  const mad = new Uint8Array(MAD_LENGTH);
  mad.set(GOLDEN);
  const data = new Uint8Array(200);
  data.set(RECORD.data);
  assertEquals(SaMad.parse(mad), { ...RECORD, data });
});

Deno.test("SaMad.answer() clears data, RMPP header and SM_Key of the request", () => {
  const request = { ...RECORD, method: Method.Set, classVersion: 1 };
  assertEquals(SaMad.answer(request, { status: 0x0200 }), {
    ...request,
    method: Method.GetResp,
    status: 0x0200,
    rmpp: NO_RMPP,
    smKey: 0n,
    attributeOffset: 0,
    data: new Uint8Array(0),
  });
});

Deno.test("SaMad.parse() refuses other classes and lengths", () => {
  const mad = new Uint8Array(MAD_LENGTH);
  mad.set(GOLDEN);
  assertEquals(SaMad.parse(mad.subarray(0, 100)), undefined);
  mad[1] = 7;
  assertEquals(SaMad.parse(mad), undefined);
});

Deno.test("SaMad.emit() throws a RangeError for too much data", () => {
  assertThrows(
    () => SaMad.emit({ ...RECORD, data: new Uint8Array(201) }),
    RangeError,
  );
});

Deno.test("SaMad.emit() writes any 256 bytes again that SaMad.parse() reads", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: MAD_LENGTH, maxLength: MAD_LENGTH }),
      (mad) => {
        mad[0] = 1;
        mad[1] = 3;
        mad.fill(0, 6, 8);
        mad.fill(0, 18, 20);
        mad.fill(0, 46, 48);
        const record = SaMad.parse(mad)!;
        assertEquals(SaMad.emit(record), mad);
      },
    ),
  );
});
