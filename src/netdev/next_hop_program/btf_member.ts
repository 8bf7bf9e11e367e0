/**
 * Offsets of members in the kernel's structs (BTF).
 *
 * The members follow the struct type, 12 bytes each: name offset in the string section, type id, offset in bits (u32
 * each). If the flag of the type is set, the top 8 bits of the last word are the width of a bit field. Members of an
 * unnamed struct or union count as members of the enclosing struct.
 */

import { cString } from "../../../ffi/libc.ts";
import { type Btf, btfError, BtfKind } from "./btf.ts";

const TYPE_LENGTH = 12;
const MEMBER_LENGTH = 12;
const FLAG = 0x80000000;
const UNNAMED = cString("");
/** Maximum number of members and types that a search visits, because types of a corrupt file may contain themselves. */
const MAX_TYPES = 2000;

/** Returns the offset in bytes of a member of a struct. Throws `E_BTF` if there is no such struct or member. */
export function memberOffset(btf: Btf, struct: string, member: string): number {
  const search = new Search(btf, member);
  const found = search.within(btf.find(BtfKind.Struct, struct));
  if (found === undefined) {
    throw btfError(`struct ${struct} has no member ${member}`);
  }
  return found / 8;
}

/** A search for a member by name. */
class Search {
  readonly #btf: Btf;
  readonly #name: Uint8Array;
  #budget = MAX_TYPES;

  constructor(btf: Btf, name: string) {
    this.#btf = btf;
    this.#name = cString(name);
  }

  /** Returns the offset of the member in bits, or undefined if the type has no such member. */
  within(id: number): number | undefined {
    const type = this.#unqualified(id);
    const info = this.#btf.word(type + 4);
    const kind = info >>> 24 & 0x1f;
    if (kind !== BtfKind.Struct && kind !== BtfKind.Union) return undefined;
    const first = type + TYPE_LENGTH;
    const end = first + (info & 0xffff) * MEMBER_LENGTH;
    for (let at = first; at < end; at += MEMBER_LENGTH) {
      this.#spend();
      const name = this.#btf.word(at);
      const placed = this.#btf.word(at + 8);
      const offset = info & FLAG ? placed & 0xffffff : placed;
      if (this.#btf.isString(name, this.#name)) {
        if (placed !== offset || offset % 8 !== 0) {
          throw btfError("the member is a bit field");
        }
        return offset;
      }
      if (!this.#btf.isString(name, UNNAMED)) continue;
      const inner = this.within(this.#btf.word(at + 4));
      if (inner !== undefined) return offset + inner;
    }
    return undefined;
  }

  /** Returns the offset of a type without its const, volatile and tag qualifiers. */
  #unqualified(id: number): number {
    for (;;) {
      this.#spend();
      const at = this.#btf.offset(id);
      const kind = this.#btf.word(at + 4) >>> 24 & 0x1f;
      if (
        kind !== BtfKind.Const && kind !== BtfKind.Volatile &&
        kind !== BtfKind.TypeTag
      ) return at;
      id = this.#btf.word(at + 8);
    }
  }

  #spend(): void {
    if (--this.#budget < 0) throw btfError("a type contains itself");
  }
}
