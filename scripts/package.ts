/**
 * Builds the Debian package: `deno task package [--output FOLDER] [--binary FILE] [--fast]`, by default `dist/` and
 * `dist/ipoib`, which the task compiles first. Prints the path of the package. With `--fast`, compression takes a tenth
 * of the time and the package is half as large again.
 *
 * It needs dpkg-deb only. With the variable `SOURCE_DATE_EPOCH` the times of all files are at most this one, so that
 * the same sources give the same package.
 */

import { parseArgs } from "@std/cli/parse-args";
import { buildPackage } from "./package/build.ts";

Deno.chdir(new URL("../", import.meta.url));
const encoder = new TextEncoder();

const { output, binary, fast } = parseArgs(Deno.args, {
  string: ["output", "binary"],
  boolean: ["fast"],
  default: { output: "dist", binary: "dist/ipoib" },
  unknown: (argument) => {
    Deno.stderr.writeSync(
      encoder.encode(
        `Unknown argument "${argument}"; usage: deno task package [--output FOLDER] [--binary FILE] [--fast]\n`,
      ),
    );
    Deno.exit(1);
  },
});
const { path, notes } = await buildPackage(
  String(binary),
  String(output),
  fast === true,
);
for (const note of notes) Deno.stderr.writeSync(encoder.encode(`${note}\n`));
Deno.stdout.writeSync(encoder.encode(`${path}\n`));
