import { assertEquals } from "@std/assert";
import { denortVersion } from "../../../scripts/compile/denort.ts";

Deno.test("denortVersion() finds the Deno release in the file", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, new Uint8Array([0xff, 0, 0x80]));
    assertEquals(await denortVersion(path), undefined);
    await Deno.writeTextFile(path, "\0denover2.4.2Deno/2.4.2Deno/2.4.2+622c\0");
    assertEquals(await denortVersion(path), "2.4.2");
  } finally {
    await Deno.remove(path);
  }
});
