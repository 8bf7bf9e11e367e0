/**
 * A reader of the kernel's type information (BTF; Linux Documentation/bpf/btf.rst, `linux/btf.h`).
 *
 * The header has 24 bytes or more: magic 0xeb9f u16, version u8 (1), flags u8, header length u32, then offset and
 * length of the type section and of the string section (4 x u32, offsets from the end of the header). A type has 12
 * bytes (name offset in the string section u32; info u32: bit 31 a flag, bits 28-24 the kind, bits 15-0 a count; size
 * or type id u32) and further data that depends on its kind. Type ids start at 1. The byte order is native:
 * little-endian.
 */

import { cString } from "../../../ffi/libc.ts";
import { IpoibError } from "../../base/errors.ts";

/** The kinds of types that this program uses. */
export const BtfKind = {
  Struct: 4,
  Union: 5,
  Volatile: 9,
  Const: 10,
  Func: 12,
  TypeTag: 18,
} as const;

const MAGIC = 0xeb9f;
const VERSION = 1;
const HEADER_LENGTH = 24;
const TYPE_LENGTH = 12;
const UNUSED_INFO = 0x60ff0000;
/** By kind (0 to 19): bytes of data after the type, and further bytes per unit of its count. */
const FIXED = [0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0];
const EACH = [0, 0, 0, 0, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 0, 12, 0, 0, 0, 12];

/** Returns an `E_BTF` error. */
export function btfError(why: string): IpoibError {
  return new IpoibError("E_BTF", `Cannot read the kernel's types: ${why}`);
}

/** The types of a BTF file. The constructor throws `E_BTF` if the file is malformed. */
export class Btf {
  readonly #view: DataView;
  readonly #strings: Uint8Array;
  /** Offset of each type in the type section, by id. */
  readonly #offsets: Uint32Array;
  readonly #count: number;

  constructor(file: Uint8Array) {
    if (file.length < HEADER_LENGTH) throw btfError("the header is truncated");
    const header = new DataView(file.buffer, file.byteOffset, file.length);
    if (header.getUint16(0, true) !== MAGIC || header.getUint8(2) !== VERSION) {
      throw btfError("not BTF version 1 in little-endian byte order");
    }
    const length = header.getUint32(4, true);
    const types = section(file, length, header, 8);
    this.#strings = section(file, length, header, 16);
    this.#view = new DataView(types.buffer, types.byteOffset, types.length);
    this.#offsets = new Uint32Array(Math.floor(types.length / TYPE_LENGTH) + 1);
    this.#count = this.#index();
  }

  /** Fills `#offsets` and returns the number of types. */
  #index(): number {
    const end = this.#view.byteLength;
    let id = 0;
    for (let at = 0; at < end;) {
      if (at + TYPE_LENGTH > end) throw btfError("a type is truncated");
      const info = this.#view.getUint32(at + 4, true);
      const kind = info >>> 24 & 0x1f;
      if ((info & UNUSED_INFO) !== 0 || kind === 0 || kind >= FIXED.length) {
        throw btfError(`type ${id + 1} has an unknown kind`);
      }
      this.#offsets[++id] = at;
      at += TYPE_LENGTH + FIXED[kind]! + EACH[kind]! * (info & 0xffff);
      if (at > end) throw btfError("a type is truncated");
    }
    return id;
  }

  /** Returns the id of the first type with this kind and name, except structs without members. Throws `E_BTF`. */
  find(
    kind: typeof BtfKind.Struct | typeof BtfKind.Func,
    name: string,
  ): number {
    const wanted = cString(name);
    for (let id = 1; id <= this.#count; id++) {
      const at = this.#offsets[id]!;
      const info = this.#view.getUint32(at + 4, true);
      if ((info >>> 24 & 0x1f) !== kind) continue;
      if (kind === BtfKind.Struct && (info & 0xffff) === 0) continue;
      if (this.isString(this.#view.getUint32(at, true), wanted)) return id;
    }
    throw btfError(
      `${kind === BtfKind.Func ? "function" : "struct"} ${name} is missing`,
    );
  }

  /** Returns true if the string at `offset` of the string section is `wanted`, which includes the NUL. */
  isString(offset: number, wanted: Uint8Array): boolean {
    for (let i = 0; i < wanted.length; i++) {
      // Beyond the end of the section the value is undefined, hence not equal.
      if (this.#strings[offset + i] !== wanted[i]) return false;
    }
    return true;
  }

  /** Returns the offset of a type in the type section. Throws `E_BTF` for an undefined id. */
  offset(id: number): number {
    if (id === 0 || id > this.#count) throw btfError(`type ${id} is missing`);
    return this.#offsets[id]!;
  }

  /** Returns the 32-bit word at an offset of the type section. The offset must be within a type or its data. */
  word(at: number): number {
    return this.#view.getUint32(at, true);
  }
}

function section(
  file: Uint8Array,
  headerLength: number,
  header: DataView,
  field: number,
): Uint8Array {
  const start = headerLength + header.getUint32(field, true);
  const end = start + header.getUint32(field + 4, true);
  if (headerLength < HEADER_LENGTH || end > file.length) {
    throw btfError("a section extends beyond the end of the file");
  }
  return file.subarray(start, end);
}
