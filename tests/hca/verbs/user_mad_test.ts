import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  emitUserMad,
  parseUserMad,
  USER_MAD_LENGTH,
} from "../../../src/hca/verbs/user_mad.ts";
import { GSI_QKEY, MAD_LENGTH } from "../../../src/wire/mad.ts";

const ADDRESS = { lid: 0x0102, qpn: 0x030405, qkey: GSI_QKEY, sl: 6 };

Deno.test("emitUserMad() writes the golden bytes", () => {
  const mad = new Uint8Array(MAD_LENGTH).fill(0xaa);
  const golden = new Uint8Array(320).fill(0xaa, 64);
  golden.set([0, 3, 4, 5, 0x80, 1, 0, 0, 1, 2, 6], 20);
  golden[56] = 7;
  const address = { ...ADDRESS, pkeyIndex: 7 };
  assertEquals(emitUserMad(mad, address), golden);
  golden[31] = 3;
  assertEquals(emitUserMad(mad, { ...address, pathBits: 3 }), golden);
});

Deno.test("emitUserMad() writes the GRH at the offsets of libibumad", () => {
  const gid = Uint8Array.from({ length: 16 }, (_, i) => 0x80 + i);
  const bytes = emitUserMad(new Uint8Array(MAD_LENGTH), {
    ...ADDRESS,
    pkeyIndex: 0,
    grh: {
      gid,
      sgidIndex: 1,
      flowLabel: 0x12345,
      hopLimit: 63,
      trafficClass: 9,
    },
  });
  assertEquals(
    Array.from(bytes.subarray(32, 56)),
    [1, 1, 63, 9, ...gid, 0, 1, 0x23, 0x45],
  );
});

Deno.test("parseUserMad() reads what emitUserMad() wrote", () => {
  const address = fc.record({
    lid: fc.nat(0xffff),
    pkeyIndex: fc.nat(0xffff),
    qpn: fc.nat(0xffffff),
    qkey: fc.nat(0xffffffff),
    sl: fc.nat(15),
    pathBits: fc.integer({ min: 1, max: 127 }),
    grh: fc.record({
      gid: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      sgidIndex: fc.nat(0xff),
      flowLabel: fc.nat(0xfffff),
      hopLimit: fc.nat(0xff),
      trafficClass: fc.nat(0xff),
    }),
  }, { requiredKeys: ["lid", "pkeyIndex", "qpn", "qkey", "sl"] });
  const mad = fc.uint8Array({ minLength: MAD_LENGTH, maxLength: MAD_LENGTH });
  fc.assert(fc.property(mad, address, (mad, address) => {
    assertEquals(parseUserMad(emitUserMad(mad, address)), { mad, address });
  }));
});

Deno.test("parseUserMad() refuses any other length", () => {
  assertEquals(parseUserMad(new Uint8Array(USER_MAD_LENGTH - 1)), undefined);
  assertEquals(parseUserMad(new Uint8Array(USER_MAD_LENGTH + 1)), undefined);
});
