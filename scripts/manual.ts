/**
 * Writes the man pages: `deno task manual [--output FOLDER]`, by default to `dist/man`.
 *
 * They are generated from the command tree (src/cli/program.ts) and the topics of the help (src/cli/topics.ts). Their
 * date is that of the variable `SOURCE_DATE_EPOCH`, or today.
 */

import { parseArgs } from "@std/cli/parse-args";
import { manPages } from "./manual/pages.ts";

Deno.chdir(new URL("../", import.meta.url));
const { output } = parseArgs(Deno.args, {
  string: ["output"],
  default: { output: "dist/man" },
});
const folder = String(output);
const epoch = Deno.env.get("SOURCE_DATE_EPOCH");
const date = epoch === undefined ? new Date() : new Date(Number(epoch) * 1000);

await Deno.mkdir(folder, { recursive: true });
for (const [name, text] of await manPages(date)) {
  const path = `${folder}/${name}`;
  await Deno.writeTextFile(path, text);
  Deno.stdout.writeSync(new TextEncoder().encode(`${path}\n`));
}
