import { assertEquals, assertMatch } from "@std/assert";
import { isUtf8, VARIABLES } from "../../src/base/variables.ts";

const TOP = new URL("../../", import.meta.url).pathname;

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

Deno.test("VARIABLES lists every environment variable that the program reads", async () => {
  const names = new Set<string>();
  const readers: string[] = [];
  for await (const path of sources(`${TOP}src`)) {
    const text = await Deno.readTextFile(path);
    if (/Deno\.env\.(get|has|toObject)/.test(text)) {
      readers.push(path.slice(TOP.length));
    }
    for (
      const [, name] of text.matchAll(/\bvariable\("(\w+)"\)/g)
    ) {
      names.add(name!);
    }
  }
  assertEquals(readers, ["src/base/variables.ts"]);
  // commander reads these.
  for (const name of ["FORCE_COLOR", "CLICOLOR_FORCE"]) names.add(name);
  assertEquals([...names].sort(), Object.keys(VARIABLES).sort());
});

Deno.test("the description of each variable starts with a capital letter and ends with a period", () => {
  for (const text of Object.values(VARIABLES)) {
    assertMatch(text, /^[A-Z][^\n]*\.$/);
  }
});

Deno.test("isUtf8() regards the encoding of a locale", () => {
  for (const locale of ["C.utf8", "de_DE.UTF-8", "en_US.UTF-8@euro"]) {
    assertEquals(isUtf8(locale), true, locale);
  }
  for (const locale of ["C", "POSIX", "de_DE", "de_DE.ISO-8859-1"]) {
    assertEquals(isUtf8(locale), false, locale);
  }
});
