import { assertEquals, assertStrictEquals } from "@std/assert";
import { guardLibrary } from "../../ffi/errno.ts";
import { cString, errno, libc } from "../../ffi/libc.ts";

const functions = {
  close: { parameters: ["i32"], result: "i32" },
  fopen: { parameters: ["buffer", "buffer"], result: "u64" },
  fclose: { parameters: ["u64"], result: "i32" },
} as const;
const EBADF = 9;
const ENOENT = 2;

libc();
const raw = Deno.dlopen("libc.so.6", functions).symbols;
const guarded = guardLibrary(raw, functions, new Set(["fclose"]));
const nowhere = cString("/nowhere/at/all");
const mode = cString("r");

Deno.test("a guarded function saves errno from later calls", () => {
  assertEquals(guarded.close(-1), -1);
  assertEquals(raw.fopen(nowhere, mode), 0n);
  assertEquals(errno(), EBADF);
});

Deno.test("a guarded function treats the address 0 as a failure", () => {
  assertEquals(guarded.fopen(nowhere, mode), 0n);
  assertEquals(raw.close(-1), -1);
  assertEquals(errno(), ENOENT);
});

Deno.test("errno() returns a saved value once", () => {
  guarded.close(-1);
  assertEquals(errno(), EBADF);
  raw.fopen(nowhere, mode);
  assertEquals(errno(), ENOENT);
});

Deno.test("a successful guarded call saves nothing", () => {
  const file = guarded.fopen(cString("/dev/null"), mode);
  raw.close(-1);
  assertEquals(errno(), EBADF);
  assertEquals(raw.fclose(file), 0);
});

Deno.test("guardLibrary() returns unguarded functions unchanged", () => {
  assertStrictEquals(guarded.fclose, raw.fclose);
});
