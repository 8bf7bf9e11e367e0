/** The functions of the C library that the program calls exist in the glibc that README.md names as the lowest. */

import { assert, assertEquals } from "@std/assert";
import { libcSymbols } from "../../ffi/libc.ts";
import { compareVersions, ElfFile, glibcFloor } from "../glibc_versions.ts";
import { testWhere } from "../test_where.ts";

/** Paths of the library on Debian and Fedora. */
const PATHS = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
];

/** The names in the library. */
const NAMES = Object.entries(libcSymbols).map(([name, symbol]) =>
  "name" in symbol ? symbol.name : name
);

const library = PATHS.find((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});

testWhere(
  library === undefined ? "no libc.so.6 in the usual places" : undefined,
  "every function of ffi/libc.ts exists in the lowest glibc of README.md",
  () => {
    const defined = new ElfFile(Deno.readFileSync(library!)).definedSymbols();
    const floor = glibcFloor();
    const later = NAMES.flatMap((name) => {
      const versions = defined.get(name);
      assert(versions && versions.length > 0, `${name} has no version`);
      const [first] = versions.sort(compareVersions);
      return compareVersions(first!, floor) > 0 ? [`${name} ${first}`] : [];
    });
    assertEquals(later, []);
  },
);
