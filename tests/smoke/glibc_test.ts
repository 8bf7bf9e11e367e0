/** The version of glibc that the executable needs: README.md names it. */

import { assert, assertEquals } from "@std/assert";
import { compareVersions, ElfFile, glibcFloor } from "../glibc_versions.ts";
import { testWhere } from "../test_where.ts";

const BINARY = Deno.env.get("IPOIB_BINARY");

testWhere(
  BINARY ? undefined : "IPOIB_BINARY is not set",
  "the executable needs no later glibc than README.md says",
  async () => {
    const needed = new ElfFile(await Deno.readFile(BINARY!)).neededVersions();
    assert(needed.length > 0, "the executable needs no versions of symbols");
    const floor = glibcFloor();
    const later = needed.filter((each) => compareVersions(each, floor) > 0);
    assertEquals(later, []);
  },
);
