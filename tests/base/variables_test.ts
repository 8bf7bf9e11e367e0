import { assertEquals, assertMatch } from "@std/assert";
import { isUtf8Locale, VARIABLES } from "../../src/base/variables.ts";

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
      const [, name] of text.matchAll(/\b(?:variable|read)\("([A-Z_]+)"\)/g)
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

Deno.test("isUtf8Locale() regards the first variable that is set", () => {
  const names = ["LC_ALL", "LC_CTYPE", "LANG"];
  const cases: [(string | undefined)[], boolean][] = [
    [[undefined, undefined, undefined], false],
    [[undefined, undefined, "de_DE.UTF-8"], true],
    [[undefined, "C", "de_DE.UTF-8"], false],
    [["C.utf8", "C", "C"], true],
    [["POSIX", "C.UTF-8", "C.UTF-8"], false],
  ];
  for (const [values, expected] of cases) {
    const read = (name: string) => values[names.indexOf(name)];
    assertEquals(isUtf8Locale(read), expected, values.join());
  }
});
