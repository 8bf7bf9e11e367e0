/**
 * A WebAssembly module that sums the 16-bit words of packets in a memory (RFC 1071).
 *
 *     (import "env" "memory" (memory 1))
 *     (func (export "sum") (param $at i32) (param $length i32) (result i32) ...)
 *
 * The words are summed as little-endian ones, 64 bytes at a time in 32-bit lanes, the rest 4 bytes at a time. The folded
 * sum is then swapped to big-endian, which gives the same as the sum of big-endian words (RFC 1071 section 2, B).
 *
 * The sum of two lanes, which are added at the end, grows by at most 8 * 0xffff for every 64 bytes, so it does not
 * overflow up to 512 KiB. The result is 0 only if all bytes are 0. An access outside the memory traps.
 */

/** Parameters and local variables by index. */
const AT = 0;
const LENGTH = 1;
/** Sum of words, 64 bits. */
const SUM = 2;
/** Sums of lanes, 4 times 32 bits each. */
const EVEN = 3;
const ODD = 4;

/** Bytes of an iteration of the vector loop: 4 vectors. */
const STEP = 64;
const VECTOR = 16;

/** Value types. */
const I32 = 0x7f;
const I64 = 0x7e;
const V128 = 0x7b;
const FUNCTION = 0x60;
const NO_RESULT = 0x40;

/** Instructions without an immediate operand. */
const Op = {
  Block: 0x02,
  Loop: 0x03,
  If: 0x04,
  End: 0x0b,
  Branch: 0x0c,
  BranchIf: 0x0d,
  I32LessUnsigned: 0x49,
  I32Add: 0x6a,
  I32Subtract: 0x6b,
  I32And: 0x71,
  I32Or: 0x72,
  I32ShiftLeft: 0x74,
  I32ShiftRight: 0x76,
  I64Add: 0x7c,
  I64And: 0x83,
  I64ShiftRight: 0x88,
  I32Wrap: 0xa7,
  I64Extend: 0xad,
} as const;

/** Loads that extend to 64 bits, unsigned. */
const Load = { Bits8: 0x31, Bits16: 0x33, Bits32: 0x35 } as const;

/** Vector instructions, after the prefix. */
const VECTOR_PREFIX = 0xfd;
const Vector = {
  Load: 0x00,
  ExtractLane: 0x1b,
  /** Adds pairs of 16-bit lanes to 32-bit lanes, unsigned. */
  AddPairs: 0x7f,
  Add: 0xae,
} as const;

type Code = readonly number[];

/** Encodes an unsigned integer (LEB128). */
function unsigned(value: number): Code {
  return value < 0x80
    ? [value]
    : [value & 0x7f | 0x80, ...unsigned(value >>> 7)];
}

/** Encodes a signed integer (LEB128) that is not negative. */
function positive(value: number): Code {
  return value < 0x40
    ? [value]
    : [value % 0x80 | 0x80, ...positive(Math.floor(value / 0x80))];
}

const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const i32 = (value: number): Code => [0x41, ...positive(value)];
const i64 = (value: number): Code => [0x42, ...positive(value)];
const load = (size: number): Code => [...get(AT), size, 0, 0];
const vector = (op: number): Code => [VECTOR_PREFIX, ...unsigned(op)];
const add = (value: Code): Code => [...get(SUM), ...value, Op.I64Add];

/** Moves on by `bytes`. */
function advance(bytes: number): Code {
  return [
    ...[...get(AT), ...i32(bytes), Op.I32Add, ...set(AT)],
    ...[...get(LENGTH), ...i32(bytes), Op.I32Subtract, ...set(LENGTH)],
  ];
}

/** Repeats `body` while at least `bytes` bytes are left, and moves on each time. */
function repeat(bytes: number, body: Code): Code {
  return [
    ...[Op.Block, NO_RESULT, Op.Loop, NO_RESULT],
    ...[...get(LENGTH), ...i32(bytes), Op.I32LessUnsigned, Op.BranchIf, 1],
    ...body,
    ...advance(bytes),
    ...[Op.Branch, 0, Op.End, Op.End],
  ];
}

/** Runs `body` if the number of bytes left has the bit `bit`. */
function ifLeft(bit: number, body: Code): Code {
  return [
    ...[...get(LENGTH), ...i32(bit), Op.I32And, Op.If, NO_RESULT],
    ...body,
    Op.End,
  ];
}

/** Adds the vector at an offset to one of the lane sums. */
function addVector(offset: number, lanes: number): Code {
  return [
    ...[...get(lanes), ...get(AT)],
    ...[...vector(Vector.Load), 0, ...unsigned(offset)],
    ...[...vector(Vector.AddPairs), ...vector(Vector.Add), ...set(lanes)],
  ];
}

/** Adds the bits above `bits` to those below. */
function fold(bits: number, mask: number): Code {
  return [
    ...[...get(SUM), ...i64(mask), Op.I64And],
    ...[...get(SUM), ...i64(bits), Op.I64ShiftRight],
    Op.I64Add,
  ];
}

const body: Code = [
  ...repeat(STEP, [
    ...[...addVector(0, EVEN), ...addVector(VECTOR, ODD)],
    ...[...addVector(2 * VECTOR, EVEN), ...addVector(3 * VECTOR, ODD)],
  ]),
  ...[...get(EVEN), ...get(ODD), ...vector(Vector.Add), ...set(EVEN)],
  ...[0, 1, 2, 3].flatMap((lane) => [
    ...add([
      ...[...get(EVEN), ...vector(Vector.ExtractLane), lane],
      Op.I64Extend,
    ]),
    ...set(SUM),
  ]),
  ...repeat(4, [...add(load(Load.Bits32)), ...set(SUM)]),
  ...ifLeft(2, [
    ...[...add(load(Load.Bits16)), ...set(SUM)],
    ...[...get(AT), ...i32(2), Op.I32Add, ...set(AT)],
  ]),
  ...ifLeft(1, [...add(load(Load.Bits8)), ...set(SUM)]),
  ...[...fold(32, 0xffffffff), ...set(SUM)],
  ...[...fold(16, 0xffff), ...set(SUM)],
  ...[...fold(16, 0xffff), ...set(SUM)],
  ...[...fold(16, 0xffff), Op.I32Wrap, ...set(AT)],
  ...[...get(AT), ...i32(8), Op.I32ShiftLeft],
  ...[...get(AT), ...i32(8), Op.I32ShiftRight, Op.I32Or],
  ...[...i32(0xffff), Op.I32And],
];

function sized(content: Code): Code {
  return [...unsigned(content.length), ...content];
}

function text(name: string): Code {
  return sized(Array.from(new TextEncoder().encode(name)));
}

function section(id: number, content: Code): Code {
  return [id, ...sized(content)];
}

const locals: Code = [2, 1, I64, 2, V128];

/** The module in binary format. */
export const SUM_PROGRAM: Uint8Array<ArrayBuffer> = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  // One type, (i32, i32) -> i32; one import, a memory of at least one page; one function of that type, exported.
  ...section(1, [1, FUNCTION, 2, I32, I32, 1, I32]),
  ...section(2, [1, ...text("env"), ...text("memory"), 2, 0, 1]),
  ...section(3, [1, 0]),
  ...section(7, [1, ...text("sum"), 0, 0]),
  ...section(10, [1, ...sized([...locals, ...body, Op.End])]),
]);
