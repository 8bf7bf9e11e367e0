import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  formatMadStatus,
  MAD_LENGTH,
  MadHeader,
  MadStatus,
  MadView,
  Method,
  MgmtClass,
  responseMethod,
} from "../../src/wire/mad.ts";
import { hex, prefilled } from "./support.ts";

const GOLDEN = hex(
  "01 03 02 02 0700 0000 0000000a 00001234 0038 0000 00000001",
);
const RECORD: MadHeader = {
  mgmtClass: MgmtClass.SubnAdm,
  classVersion: 2,
  method: Method.Set,
  status: MadStatus.RequestDenied,
  classSpecific: 0,
  transactionId: 0x0000000a00001234n,
  attributeId: 0x38,
  attributeModifier: 1,
};

function golden(): Uint8Array {
  const mad = new Uint8Array(MAD_LENGTH);
  mad.set(GOLDEN);
  return mad;
}

Deno.test("MadHeader.emit() writes the golden bytes", () => {
  const mad = prefilled(MAD_LENGTH);
  MadHeader.emit(RECORD, mad);
  assertEquals(mad.subarray(0, 24), GOLDEN);
  assertEquals(mad[24], 0xa5);
});

Deno.test("MadHeader.parse() reads the golden bytes", () => {
  assertEquals(MadHeader.parse(golden()), RECORD);
});

Deno.test("MadHeader.parse() refuses other lengths and base versions", () => {
  assertEquals(MadHeader.parse(new Uint8Array(0)), undefined);
  assertEquals(MadHeader.parse(golden().subarray(0, 255)), undefined);
  const mad = golden();
  mad[0] = 2;
  assertEquals(MadHeader.parse(mad), undefined);
});

Deno.test("MadView reads and writes in place", () => {
  const bytes = new Uint8Array(16 + MAD_LENGTH);
  bytes.set(GOLDEN, 16);
  const view = new MadView(new DataView(bytes.buffer), 16);
  assertEquals(view.baseVersion, 1);
  assertEquals(view.mgmtClass, MgmtClass.SubnAdm);
  assertEquals([view.method, view.isResponse], [Method.Set, false]);
  assertEquals(view.status, 0x0700);
  assertEquals(view.transactionIdLow, 0x1234);
  assertEquals(view.attributeId, 0x38);
  view.transactionIdLow = 0xfffffffe;
  assertEquals(
    bytes.subarray(16 + 8, 16 + 16),
    hex("0000000a fffffffe"),
  );
  const answer = golden();
  answer[3] = Method.GetResp;
  assertEquals(MadView.of(answer).isResponse, true);
});

Deno.test("MadHeader survives a round trip", () => {
  const header = fc.record({
    mgmtClass: fc.nat(255),
    classVersion: fc.nat(255),
    method: fc.nat(255),
    status: fc.nat(0xffff),
    classSpecific: fc.nat(0xffff),
    transactionId: fc.bigInt(0n, 2n ** 64n - 1n),
    attributeId: fc.nat(0xffff),
    attributeModifier: fc.nat(0xffffffff),
  });
  fc.assert(fc.property(header, (record) => {
    const mad = prefilled(MAD_LENGTH);
    MadHeader.emit(record, mad);
    assertEquals(MadHeader.parse(mad), record);
  }));
});

Deno.test("responseMethod() returns GetResp for Get and Set, and the response of the other methods", () => {
  assertEquals(responseMethod(Method.Get), 0x81);
  assertEquals(responseMethod(Method.Set), 0x81);
  assertEquals(responseMethod(Method.Report), Method.ReportResp);
  assertEquals(responseMethod(Method.Delete), Method.DeleteResp);
  assertEquals(responseMethod(Method.GetTable), Method.GetTableResp);
});

Deno.test("formatMadStatus() names the status", () => {
  assertEquals(formatMadStatus(0x0600), "0x0600 (insufficient components)");
  assertEquals(
    formatMadStatus(0x0c),
    "0x000c (method and attribute not supported)",
  );
  assertEquals(formatMadStatus(0x7700), "0x7700 (unknown status)");
});
