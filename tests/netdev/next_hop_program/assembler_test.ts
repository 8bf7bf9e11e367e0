import { assertEquals, assertThrows } from "@std/assert";
import {
  add,
  and,
  assemble,
  callHelper,
  callKernel,
  compareExchange,
  exit,
  jump,
  jumpIf,
  jumpIfSame,
  jumpUnless,
  load,
  mapValue,
  move,
  R,
  set,
  store,
  storeValue,
  Width,
} from "../../../src/netdev/next_hop_program/assembler.ts";
import { hex } from "../../wire/support.ts";

Deno.test("assemble() encodes instructions as defined in RFC 9669", () => {
  const program = assemble([
    move(R.R6, R.R1),
    set(R.R0, -1),
    add(R.R3, -6),
    and(R.R1, ~1),
    load(Width.Byte, R.R1, R.R7, 152),
    load(Width.Word, R.R2, R.R6, 16),
    load(Width.Double, R.R1, R.R0, 88),
    store(Width.Byte, R.R10, -5, R.R1),
    store(Width.Word, R.R10, -4, R.R2),
    storeValue(Width.Byte, R.R10, -6, 2),
    callHelper(9),
    callKernel(63548),
    compareExchange(R.R2, R.R8),
    ...mapValue(R.R2, 17),
    exit(),
  ]);
  assertEquals(
    program,
    hex(`
      bf 16 0000 00000000
      b7 00 0000 ffffffff
      07 03 0000 faffffff
      57 01 0000 feffffff
      71 71 9800 00000000
      61 62 1000 00000000
      79 01 5800 00000000
      73 1a fbff 00000000
      63 2a fcff 00000000
      72 0a faff 02000000
      85 00 0000 09000000
      85 20 0000 3cf80000
      db 82 0000 f1000000
      18 22 0000 11000000  00 00 0000 00000000
      95 00 0000 00000000
    `),
  );
});

Deno.test("assemble() resolves forward and backward labels", () => {
  const program = assemble([
    "start",
    jumpIf(R.R1, 3, "end"),
    jumpUnless(R.R1, 4, "start"),
    jumpIfSame(R.R1, R.R8, "end"),
    jump("start"),
    "end",
    exit(),
  ]);
  assertEquals(
    program,
    hex(`
      15 01 0300 03000000
      55 01 feff 04000000
      1d 81 0100 00000000
      05 00 fcff 00000000
      95 00 0000 00000000
    `),
  );
});

Deno.test("assemble() throws for an undefined label", () => {
  assertThrows(() => assemble([jumpIf(R.R1, 0, "nowhere")]), RangeError);
});
