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

Deno.test("a guarded function keeps errno from what follows", () => {
  assertEquals(guarded.close(-1), -1);
  assertEquals(raw.fopen(nowhere, mode), 0n);
  assertEquals(errno(), EBADF);
});

Deno.test("an address of zero is a failure too", () => {
  assertEquals(guarded.fopen(nowhere, mode), 0n);
  assertEquals(raw.close(-1), -1);
  assertEquals(errno(), ENOENT);
});

Deno.test("what was kept is told once", () => {
  guarded.close(-1);
  assertEquals(errno(), EBADF);
  raw.fopen(nowhere, mode);
  assertEquals(errno(), ENOENT);
});

Deno.test("success keeps nothing", () => {
  const file = guarded.fopen(cString("/dev/null"), mode);
  raw.close(-1);
  assertEquals(errno(), EBADF);
  assertEquals(raw.fclose(file), 0);
});

Deno.test("functions that are named stay as they are", () => {
  assertStrictEquals(guarded.fclose, raw.fclose);
});
