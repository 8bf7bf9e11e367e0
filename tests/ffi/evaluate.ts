/** The values of C expressions, from the C compiler of this host. */

import { assert } from "@std/assert";

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Compiles and runs a C program that prints the value of each expression. `before` precedes the header. */
export async function evaluate(
  header: string,
  flat: Map<string, string>,
  before = "",
) {
  const folder = await Deno.makeTempDir({ prefix: "ipoib-layout-" });
  try {
    const prints = [...flat].map(([name, expression]) =>
      `printf("${name} %ld\\n", (long)(${expression}));`
    );
    const source =
      `#include <stdio.h>\n#include <stddef.h>\n${before}\n#include <${header}>\nint main(void) {\n${
        prints.join("\n")
      }\nreturn 0;\n}\n`;
    await Deno.writeTextFile(`${folder}/probe.c`, source);
    const built = await new Deno.Command("gcc", {
      args: ["-o", `${folder}/probe`, `${folder}/probe.c`],
    }).output();
    assert(built.success, new TextDecoder().decode(built.stderr));
    const run = await new Deno.Command(`${folder}/probe`).output();
    assert(run.success);
    const lines = new TextDecoder().decode(run.stdout).trim().split("\n");
    return Object.fromEntries(lines.map((line) => {
      const [name, value] = line.split(" ");
      return [name!, Number(value)];
    }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Returns why expressions with a header cannot be evaluated, for the name of a test; empty if they can be. */
export function skipReason(header: string): string {
  if (!exists("/usr/bin/gcc")) return " (skipped: no gcc)";
  return exists(`/usr/include/${header}`) ? "" : ` (skipped: no ${header})`;
}
