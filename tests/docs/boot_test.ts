/** docs/boot.md names the options that files cannot have. */

import { assertStringIncludes } from "@std/assert";
import { NOT_IN_FILES } from "../../src/cli/config/interface_file.ts";

Deno.test("docs/boot.md names every option of ipoib up that is not a key", async () => {
  const path = new URL("../../docs/boot.md", import.meta.url);
  const text = await Deno.readTextFile(path);
  const [, paragraph = ""] = /\n\n(.* are not\skeys[^]*?)\n\n/.exec(text) ?? [];
  for (const option of NOT_IN_FILES) {
    assertStringIncludes(paragraph, `\`${option.slice(2)}\``);
  }
});
