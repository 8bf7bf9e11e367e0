/**
 * Symbol versions of glibc in ELF files (64 bits, little-endian): those that a program needs (section .gnu.version_r),
 * and those with which a library defines its symbols (.dynsym, .gnu.version, .gnu.version_d). Source: Linux Standard
 * Base, core specification 5.0, 10.7.
 */

const HEADER = { sections: 0x28, entrySize: 0x3a, entries: 0x3c };
const SECTION = { type: 4, offset: 24, size: 32, link: 40 };
const SYMBOL = { name: 0, section: 6, length: 24 };
const NEED = { auxiliary: 8, next: 12 };
const NEEDED_VERSION = { name: 8, next: 12 };
const DEFINITION = { index: 4, auxiliary: 12, next: 16 };
const Type = {
  DynamicSymbols: 11,
  Definitions: 0x6ffffffd,
  Needs: 0x6ffffffe,
  Indices: 0x6fffffff,
};
const INDEX_BITS = 0x7fff;
const GLIBC = /^GLIBC_(\d+(?:\.\d+)+)$/;

interface Section {
  readonly at: number;
  readonly size: number;
  /** The section with the strings. */
  readonly link: number;
}

/** An ELF file. */
export class ElfFile {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Returns the versions of glibc that the file needs, such as "2.27". */
  neededVersions(): string[] {
    const needs = this.#section(Type.Needs);
    if (!needs) return [];
    const found: string[] = [];
    for (const need of this.#list(needs.at, NEED.next)) {
      const first = need + this.#word(need + NEED.auxiliary);
      for (const each of this.#list(first, NEEDED_VERSION.next)) {
        found.push(this.#text(needs, this.#word(each + NEEDED_VERSION.name)));
      }
    }
    return found.flatMap(glibcVersion);
  }

  /** Returns the versions of glibc with which the library defines each symbol. */
  definedSymbols(): Map<string, string[]> {
    const symbols = this.#section(Type.DynamicSymbols);
    const indices = this.#section(Type.Indices);
    const found = new Map<string, string[]>();
    if (!symbols || !indices) return found;
    const versions = this.#definedVersions();
    for (let i = 0; i < symbols.size / SYMBOL.length; i++) {
      const at = symbols.at + i * SYMBOL.length;
      if (this.#view.getUint16(at + SYMBOL.section, true) === 0) continue;
      const index = this.#view.getUint16(indices.at + 2 * i, true);
      const version = versions.get(index & INDEX_BITS);
      if (version === undefined) continue;
      const name = this.#text(symbols, this.#word(at + SYMBOL.name));
      found.set(name, [...found.get(name) ?? [], ...glibcVersion(version)]);
    }
    return found;
  }

  #definedVersions(): Map<number, string> {
    const versions = new Map<number, string>();
    const definitions = this.#section(Type.Definitions);
    if (!definitions) return versions;
    for (const each of this.#list(definitions.at, DEFINITION.next)) {
      const index = this.#view.getUint16(each + DEFINITION.index, true);
      const first = each + this.#word(each + DEFINITION.auxiliary);
      versions.set(index, this.#text(definitions, this.#word(first)));
    }
    return versions;
  }

  /** Returns the offsets of the entries of a list, each with the distance to the next one at `next`. */
  *#list(first: number, next: number): Iterable<number> {
    for (let at = first;;) {
      yield at;
      const distance = this.#word(at + next);
      if (distance === 0) return;
      at += distance;
    }
  }

  #section(type: number): Section | undefined {
    const count = this.#view.getUint16(HEADER.entries, true);
    for (let i = 0; i < count; i++) {
      if (this.#word(this.#header(i) + SECTION.type) === type) {
        return this.#sectionAt(i);
      }
    }
    return undefined;
  }

  #sectionAt(index: number): Section {
    const at = this.#header(index);
    return {
      at: Number(this.#view.getBigUint64(at + SECTION.offset, true)),
      size: Number(this.#view.getBigUint64(at + SECTION.size, true)),
      link: this.#word(at + SECTION.link),
    };
  }

  #header(index: number): number {
    const first = Number(this.#view.getBigUint64(HEADER.sections, true));
    return first + index * this.#view.getUint16(HEADER.entrySize, true);
  }

  #text({ link }: Section, offset: number): string {
    const at = this.#sectionAt(link).at + offset;
    const end = this.#bytes.indexOf(0, at);
    return new TextDecoder().decode(this.#bytes.subarray(at, end));
  }

  #word(at: number): number {
    return this.#view.getUint32(at, true);
  }
}

/** Returns the version in a name such as `GLIBC_2.27`; empty for other libraries, and for GLIBC_PRIVATE. */
function glibcVersion(name: string): string[] {
  const version = GLIBC.exec(name)?.[1];
  return version === undefined ? [] : [version];
}

/** Compares two versions: negative if `a` is lower. */
export function compareVersions(a: string, b: string): number {
  return new Intl.Collator("en", { numeric: true }).compare(a, b);
}

/** Returns the lowest version of glibc on which the program runs according to README.md. */
export function glibcFloor(): string {
  const readme = new URL("../README.md", import.meta.url);
  const text = Deno.readTextFileSync(readme).replaceAll(/\s+/g, " ");
  const floor = /glibc (\d+\.\d+) or later/.exec(text)?.[1];
  if (floor === undefined) throw new Error("README.md names no glibc");
  return floor;
}
