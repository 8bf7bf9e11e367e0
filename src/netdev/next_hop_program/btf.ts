/**
 * The kernel's type information, read in place (BTF; Linux Documentation/bpf/btf.rst, `linux/btf.h`).
 *
 * Header, 24 bytes or more: magic 0xeb9f u16, version u8 (1), flags u8, header length u32, then offset and length of the
 * section of types and of the section of strings (4 x u32, offsets from the header's end). Type: name's offset in
 * the strings u32, info u32 (bit 31 a flag, bits 28-24 the kind, bits 15-0 a count), size or type id u32, then what
 * its kind adds. The first type has the id 1. Native byte order, here little-endian.
 */

import { cString } from "../../../ffi/libc.ts";
import { IpoibError } from "../../base/errors.ts";

/** Kinds of types that are looked at. */
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
/** By kind (0 to 19): bytes that follow the type, and bytes that follow for each of its count. */
const FIXED = [0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0];
const EACH = [0, 0, 0, 0, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 0, 12, 0, 0, 0, 12];

/** An `E_BTF` error. */
export function btfError(why: string): IpoibError {
  return new IpoibError("E_BTF", `Cannot read the kernel's types: ${why}`);
}

/** The types of a BTF file. The constructor and every method throw `E_BTF` on bytes that are none. */
export class Btf {
  readonly #view: DataView;
  readonly #strings: Uint8Array;
  /** Where each type begins in the section, by id. */
  readonly #offsets: Uint32Array;
  readonly #count: number;

  constructor(file: Uint8Array) {
    if (file.length < HEADER_LENGTH) throw btfError("the header is cut off");
    const header = new DataView(file.buffer, file.byteOffset, file.length);
    if (header.getUint16(0, true) !== MAGIC || header.getUint8(2) !== VERSION) {
      throw btfError("not BTF of version 1 in this machine's byte order");
    }
    const length = header.getUint32(4, true);
    const types = section(file, length, header, 8);
    this.#strings = section(file, length, header, 16);
    this.#view = new DataView(types.buffer, types.byteOffset, types.length);
    this.#offsets = new Uint32Array(Math.floor(types.length / TYPE_LENGTH) + 1);
    this.#count = this.#index();
  }

  /** Finds where each type begins; the number of types. */
  #index(): number {
    const end = this.#view.byteLength;
    let id = 0;
    for (let at = 0; at < end;) {
      if (at + TYPE_LENGTH > end) throw btfError("a type is cut off");
      const info = this.#view.getUint32(at + 4, true);
      const kind = info >>> 24 & 0x1f;
      if ((info & UNUSED_INFO) !== 0 || kind === 0 || kind >= FIXED.length) {
        throw btfError(`type ${id + 1} is of an unknown kind`);
      }
      this.#offsets[++id] = at;
      at += TYPE_LENGTH + FIXED[kind]! + EACH[kind]! * (info & 0xffff);
      if (at > end) throw btfError("a type is cut off");
    }
    return id;
  }

  /** The id of the first type of this kind and name; one without members, as of a header file, is passed over. */
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
      `no ${kind === BtfKind.Func ? "function" : "struct"} ${name}`,
    );
  }

  /** True if the string at this offset of the strings is `wanted`, its NUL included. */
  isString(offset: number, wanted: Uint8Array): boolean {
    for (let i = 0; i < wanted.length; i++) {
      // Beyond the end it is undefined, and so unequal.
      if (this.#strings[offset + i] !== wanted[i]) return false;
    }
    return true;
  }

  /** Where a type begins in the section that {@linkcode Btf.word} reads. */
  offset(id: number): number {
    if (id === 0 || id > this.#count) throw btfError(`no type ${id}`);
    return this.#offsets[id]!;
  }

  /** A word of the section of types, at an offset that {@linkcode Btf.offset} and the type's count allow. */
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
    throw btfError("a section lies beyond the end of the file");
  }
  return file.subarray(start, end);
}
