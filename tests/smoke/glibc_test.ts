/** The version of glibc that the executable needs: README.md names it. Only the run on an executable has this test. */

import { assert, assertEquals } from "@std/assert";
import { compareVersions, ElfFile, glibcFloor } from "../glibc_versions.ts";

const executable = Deno.env.get("IPOIB_BINARY");

if (executable) {
  Deno.test("the executable needs no later glibc than README.md says", async () => {
    const needed = new ElfFile(await Deno.readFile(executable))
      .neededVersions();
    assert(needed.length > 0, "the executable needs no versions of symbols");
    const floor = glibcFloor();
    const later = needed.filter((each) => compareVersions(each, floor) > 0);
    assertEquals(later, []);
  });
}
