/**
 * An assembler for eBPF (RFC 9669, `linux/bpf.h`).
 *
 * An instruction has 8 bytes: opcode u8, registers u8 (destination in the low 4 bits, source in the high 4 bits),
 * offset i16, immediate i32. The offset of a jump counts instructions from the next instruction.
 */

import { Bpf } from "../../../ffi/bpf_layout.ts";

/**
 * Registers. R0 holds results. R1 to R5 hold arguments and are clobbered by calls. R6 to R9 are preserved. R10 is the
 * frame pointer, the upper end of the stack.
 */
export const R = {
  R0: 0,
  R1: 1,
  R2: 2,
  R3: 3,
  R4: 4,
  R5: 5,
  R6: 6,
  R7: 7,
  R8: 8,
  R9: 9,
  R10: 10,
} as const;

type Register = typeof R[keyof typeof R];

/** Width of a load or store: 1, 4 or 8 bytes. */
export const Width = { Byte: 0x10, Word: 0x00, Double: 0x18 } as const;

type Width = typeof Width[keyof typeof Width];

const LOAD_IMMEDIATE_DOUBLE = 0x18;
const LDX_MEM = 0x61;
const ST_MEM = 0x62;
const STX_MEM = 0x63;
const STX_ATOMIC_DOUBLE = 0xdb;
const COMPARE_EXCHANGE = 0xf1;
const ALU64_ADD_IMMEDIATE = 0x07;
const ALU64_AND_IMMEDIATE = 0x57;
const ALU64_MOVE_IMMEDIATE = 0xb7;
const ALU64_MOVE = 0xbf;
const JUMP = 0x05;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_SAME = 0x1d;
const JUMP_UNLESS_EQUAL = 0x55;
const CALL = 0x85;
const EXIT = 0x95;
const INSTRUCTION_LENGTH = 8;

interface Instruction {
  readonly opcode: number;
  readonly destination?: Register;
  readonly source?: number;
  readonly offset?: number;
  readonly immediate?: number;
  /** Label of the jump target. */
  readonly target?: string;
}

/** An instruction, or a label of the next instruction. */
type Line = Instruction | string;

/** destination = source */
export function move(destination: Register, source: Register): Line {
  return { opcode: ALU64_MOVE, destination, source };
}

/** destination = value, sign-extended */
export function set(destination: Register, immediate: number): Line {
  return { opcode: ALU64_MOVE_IMMEDIATE, destination, immediate };
}

/** destination += value */
export function add(destination: Register, immediate: number): Line {
  return { opcode: ALU64_ADD_IMMEDIATE, destination, immediate };
}

/** destination &= value, sign-extended */
export function and(destination: Register, immediate: number): Line {
  return { opcode: ALU64_AND_IMMEDIATE, destination, immediate };
}

/** destination = memory[source + offset], zero-extended */
export function load(
  width: Width,
  destination: Register,
  source: Register,
  offset: number,
): Line {
  return { opcode: LDX_MEM | width, destination, source, offset };
}

/** memory[base + offset] = source */
export function store(
  width: Width,
  base: Register,
  offset: number,
  source: Register,
): Line {
  return { opcode: STX_MEM | width, destination: base, source, offset };
}

/** memory[base + offset] = value */
export function storeValue(
  width: Width,
  base: Register,
  offset: number,
  immediate: number,
): Line {
  return { opcode: ST_MEM | width, destination: base, offset, immediate };
}

/**
 * If the 8 bytes at memory[base] = R0, atomically replaces them with source. R0 = the 8 bytes before (Linux 5.12).
 */
export function compareExchange(base: Register, source: Register): Line {
  return {
    opcode: STX_ATOMIC_DOUBLE,
    destination: base,
    source,
    immediate: COMPARE_EXCHANGE,
  };
}

/** destination = address of the value of an array map with one element. Two instructions long. */
export function mapValue(destination: Register, map: number): Line[] {
  return [
    {
      opcode: LOAD_IMMEDIATE_DOUBLE,
      destination,
      source: Bpf.PSEUDO_MAP_VALUE,
      immediate: map,
    },
    { opcode: 0 },
  ];
}

/** Jumps always. */
export function jump(target: string): Line {
  return { opcode: JUMP, target };
}

/** Jumps if both registers are equal. */
export function jumpIfSame(
  destination: Register,
  source: Register,
  target: string,
): Line {
  return { opcode: JUMP_IF_SAME, destination, source, target };
}

/** Jumps if register = value. */
export function jumpIf(
  destination: Register,
  immediate: number,
  target: string,
): Line {
  return { opcode: JUMP_IF_EQUAL, destination, immediate, target };
}

/** Jumps if register != value. */
export function jumpUnless(
  destination: Register,
  immediate: number,
  target: string,
): Line {
  return { opcode: JUMP_UNLESS_EQUAL, destination, immediate, target };
}

/** Calls a helper function by its number. */
export function callHelper(immediate: number): Line {
  return { opcode: CALL, immediate };
}

/** Calls a kernel function (kfunc) by its BTF type id. */
export function callKernel(immediate: number): Line {
  return { opcode: CALL, source: Bpf.PSEUDO_KFUNC_CALL, immediate };
}

/** Returns R0. */
export function exit(): Line {
  return { opcode: EXIT };
}

/** Assembles a program. Throws a RangeError for a jump to an undefined label. */
export function assemble(lines: readonly Line[]): Uint8Array {
  const labels = new Map<string, number>();
  const instructions: Instruction[] = [];
  for (const line of lines) {
    if (typeof line === "string") labels.set(line, instructions.length);
    else instructions.push(line);
  }
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_LENGTH);
  const view = new DataView(bytes.buffer);
  instructions.forEach((line, index) => {
    const at = index * INSTRUCTION_LENGTH;
    view.setUint8(at, line.opcode);
    view.setUint8(at + 1, (line.source ?? 0) << 4 | (line.destination ?? 0));
    view.setInt16(at + 2, offsetOf(line, index, labels), true);
    view.setInt32(at + 4, line.immediate ?? 0, true);
  });
  return bytes;
}

function offsetOf(
  { target, offset = 0 }: Instruction,
  index: number,
  labels: ReadonlyMap<string, number>,
): number {
  if (target === undefined) return offset;
  const label = labels.get(target);
  if (label === undefined) throw new RangeError(`No label ${target}`);
  return label - index - 1;
}
