import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { Btf, BtfKind } from "../../../src/netdev/next_hop_program/btf.ts";
import { memberOffset } from "../../../src/netdev/next_hop_program/btf_member.ts";
import {
  findKernelTypes,
  kernelTypes,
} from "../../../src/netdev/next_hop_program/kernel_types.ts";
import { testWhere } from "../../test_where.ts";
import { golden, mutate, random } from "../../wire/support.ts";
import { missingBtf } from "./support.ts";

const file = golden("kernel_types");
const STRINGS = "\0outer\0inner\0wanted\0";
const [UNNAMED, OUTER, INNER, WANTED] = [0, 1, 7, 13];

/** Returns a BTF file with these words as type section, and with {@linkcode STRINGS}. */
function btfFile(...types: number[]): Uint8Array {
  const strings = new TextEncoder().encode(STRINGS);
  const length = 4 * types.length;
  const header = [0x0001eb9f, 24, 0, length, length, strings.length];
  const words = new Uint8Array(new Uint32Array([...header, ...types]).buffer);
  const bytes = new Uint8Array(words.length + strings.length);
  bytes.set(words);
  bytes.set(strings, words.length);
  return bytes;
}

const struct = (members: number) => 4 << 24 | members;

function assertRefused(fn: () => unknown, message: string): void {
  const error = assertThrows(fn, IpoibError, message);
  assertEquals(error.code, "E_BTF");
}

Deno.test("findKernelTypes() reads a file written by a compiler", () => {
  assertEquals(findKernelTypes(file), {
    skbRefdst: 24,
    dstOps: 8,
    opsFamily: 0,
    rtType: 20,
    rtGatewayFamily: 23,
    rtGateway4: 24,
    rtGateway6: 24,
    rt6Flags: 52,
    rt6Gateway: 36,
    rtable: 14,
    rt6Info: 20,
    castToKernelContext: 43,
    readOnlyCast: 44,
  });
});

Deno.test("findKernelTypes() reads a file at any offset of its buffer", () => {
  const moved = new Uint8Array(file.length + 3);
  moved.set(file, 3);
  assertEquals(findKernelTypes(moved.subarray(3)), findKernelTypes(file));
});

Deno.test("findKernelTypes() refuses a file truncated to any length", () => {
  for (let length = 0; length < file.length; length++) {
    assertRefused(() => findKernelTypes(file.subarray(0, length)), "");
  }
});

Deno.test("findKernelTypes() throws nothing but an IpoibError for corrupt files", () => {
  const next = random(11);
  let found = 0;
  for (let i = 0; i < 5000; i++) {
    try {
      findKernelTypes(mutate(file, next));
      found++;
    } catch (error) {
      assert(error instanceof IpoibError, `mutation ${i}: ${error}`);
    }
  }
  assert(found > 100, `${found} files were accepted`);
});

Deno.test("Btf refuses a header with another version or byte order", () => {
  assertRefused(() => new Btf(file.slice().fill(0, 0, 2)), "not BTF");
  const swapped = file.slice();
  swapped.set([0xeb, 0x9f]);
  assertRefused(() => new Btf(swapped), "not BTF");
  const later = file.slice();
  later[2] = 2;
  assertRefused(() => new Btf(later), "not BTF");
});

Deno.test("Btf refuses sections beyond the end of the file", () => {
  for (const field of [4, 8, 12, 16, 20]) {
    const corrupt = file.slice();
    new DataView(corrupt.buffer).setUint32(field, 0xfffffff0, true);
    assertRefused(() => new Btf(corrupt), "beyond the end");
  }
});

Deno.test("Btf accepts a longer header", () => {
  const longer = new Uint8Array(file.length + 8);
  longer.set(file.subarray(0, 24));
  longer.set(file.subarray(24), 32);
  longer[4] = 32;
  assertEquals(findKernelTypes(longer), findKernelTypes(file));
});

Deno.test("Btf refuses unknown kinds and reserved bits", () => {
  assertRefused(
    () => new Btf(btfFile(OUTER, 20 << 24, 0)),
    "type 1 has an unknown",
  );
  assertRefused(() => new Btf(btfFile(OUTER, 0, 0)), "type 1 has an unknown");
  assertRefused(() => new Btf(btfFile(OUTER, 0x20000001, 0)), "unknown kind");
});

Deno.test("Btf refuses truncated types", () => {
  assertRefused(() => new Btf(btfFile(OUTER, struct(0))), "truncated");
  assertRefused(
    () => new Btf(btfFile(OUTER, struct(1), 8, WANTED, 0)),
    "truncated",
  );
});

Deno.test("Btf.find() ignores other kinds, other names, and structs without members", () => {
  const btf = new Btf(btfFile(
    ...[OUTER, 7 << 24, 0],
    ...[OUTER, struct(0), 0],
    ...[OUTER + 1, struct(1), 4, WANTED, 0, 0],
    ...[OUTER, 12 << 24, 0],
    ...[OUTER, struct(1), 4, WANTED, 0, 0],
  ));
  assertEquals(btf.find(BtfKind.Struct, "outer"), 5);
  assertEquals(btf.find(BtfKind.Struct, "uter"), 3);
  assertEquals(btf.find(BtfKind.Func, "outer"), 4);
  assertRefused(
    () => btf.find(BtfKind.Struct, "oute"),
    "struct oute is missing",
  );
  assertRefused(
    () => btf.find(BtfKind.Func, "inner"),
    "function inner is missing",
  );
});

Deno.test("memberOffset() searches unnamed members but not named ones", () => {
  const btf = new Btf(btfFile(
    ...[OUTER, struct(2), 16, INNER, 2, 0, UNNAMED, 3, 64],
    ...[INNER, struct(1), 8, WANTED, 0, 8],
    ...[UNNAMED, 10 << 24, 4],
    ...[UNNAMED, 5 << 24 | 1, 8, WANTED, 0, 16],
  ));
  assertEquals(memberOffset(btf, "outer", "wanted"), 10);
  assertEquals(memberOffset(btf, "inner", "wanted"), 1);
  assertRefused(
    () => memberOffset(btf, "inner", "outer"),
    "has no member outer",
  );
});

Deno.test("memberOffset() refuses a bit field", () => {
  assertRefused(
    () => memberOffset(new Btf(file), "rtable", "rt_is_input"),
    "a bit field",
  );
});

Deno.test("memberOffset() throws for recursive and for missing types", () => {
  const self = btfFile(
    ...[OUTER, struct(2), 8, UNNAMED, 1, 0, UNNAMED, 1, 0],
  );
  assertRefused(() => memberOffset(new Btf(self), "outer", "wanted"), "itself");
  const qualified = btfFile(
    ...[OUTER, struct(1), 8, UNNAMED, 2, 0],
    ...[UNNAMED, 10 << 24, 2],
  );
  assertRefused(
    () => memberOffset(new Btf(qualified), "outer", "wanted"),
    "itself",
  );
  const missing = btfFile(...[OUTER, struct(1), 8, UNNAMED, 9, 0]);
  assertRefused(
    () => memberOffset(new Btf(missing), "outer", "wanted"),
    "type 9 is missing",
  );
});

testWhere(
  missingBtf(),
  "kernelTypes() reads the running kernel's BTF once",
  () => {
    const types = kernelTypes();
    assert(Object.values(types).every((value) => value >= 0));
    assert(types.rtGateway4 > types.rtGatewayFamily);
    assert(types.rtable !== types.readOnlyCast);
    assert(kernelTypes() === types);
  },
);
