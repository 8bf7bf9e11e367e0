/**
 * Makes the single executable, as `deno task compile [--output FILE] [--with VERSION]`: `dist/ipoib`.
 *
 * A compiled program is the runtime (`denort`) with the sources behind it, and the running Deno fetches its own `denort`
 * from Deno's download host. Where that host cannot be reached, or with `--with 2.4.2`, Deno 2.4.2 from the npm
 * registry compiles, with the `denort` that `$IPOIB_SHARED/bin/denort` provides (`IPOIB_SHARED` is `../shared` unless
 * set). With DENORT_BIN set, the running Deno uses that file.
 */

import { parseArgs } from "@std/cli/parse-args";
import { PERMISSIONS, workerEntries } from "./program.ts";

const DOWNLOAD_HOST = "https://dl.deno.land/";
const HOST_PATIENCE = 4000;
/** The release whose `denort` is to be had without the download host. */
const FALLBACK = "2.4.2";

Deno.chdir(new URL("../", import.meta.url));
const encoder = new TextEncoder();
const say = (text: string) => void Deno.stdout.writeSync(encoder.encode(text));

function fail(message: string): never {
  Deno.stderr.writeSync(encoder.encode(`${message}\n`));
  Deno.exit(1);
}

async function hostAnswers(): Promise<boolean> {
  try {
    const answer = await fetch(DOWNLOAD_HOST, {
      method: "HEAD",
      signal: AbortSignal.timeout(HOST_PATIENCE),
    });
    await answer.body?.cancel();
    return true;
  } catch {
    return false;
  }
}

async function sharedDenort(): Promise<string> {
  const program = `${Deno.env.get("IPOIB_SHARED") ?? "../shared"}/bin/denort`;
  try {
    const { success, stdout } = await new Deno.Command(program, {
      stderr: "inherit",
    }).output();
    if (success) return new TextDecoder().decode(stdout).trim();
  } catch {
    // Said below, together with the remedy.
  }
  fail(
    `Cannot compile: ${DOWNLOAD_HOST} does not answer and ${program} gives no denort; set DENORT_BIN to a denort ${FALLBACK}`,
  );
}

const options = parseArgs(Deno.args, {
  string: ["output", "with"],
  default: { output: "dist/ipoib" },
  unknown: (argument) =>
    fail(
      `Unknown argument "${argument}"; usage: deno task compile [--output FILE] [--with VERSION]`,
    ),
});
const output = String(options.output);
const version = options.with === undefined ? undefined : String(options.with);

let compiler = [Deno.execPath()];
const env: Record<string, string> = {};
let how = `Deno ${Deno.version.deno} with its own runtime`;
if (Deno.env.get("DENORT_BIN") && !version) {
  how = `Deno ${Deno.version.deno} with the runtime that DENORT_BIN names`;
} else if (version || !await hostAnswers()) {
  compiler = ["npx", "-y", `deno@${version ?? FALLBACK}`];
  env.DENORT_BIN = Deno.env.get("DENORT_BIN") || await sharedDenort();
  how = `Deno ${version ?? FALLBACK} with the runtime ${env.DENORT_BIN}`;
}
say(`Compiling ${output} with ${how}\n`);

const { code } = await new Deno.Command(compiler[0]!, {
  args: [
    ...compiler.slice(1),
    "compile",
    "--quiet",
    "--no-check",
    "--no-code-cache",
    ...PERMISSIONS,
    ...workerEntries().flatMap((entry) => ["--include", entry]),
    "--output",
    output,
    "main.ts",
  ],
  env,
  stdout: "inherit",
  stderr: "inherit",
}).output().catch((error) => fail(`Cannot start ${compiler[0]}: ${error}`));
if (code !== 0) fail(`Cannot compile: the compiler ended with ${code}`);
const size = (await Deno.stat(output)).size;
say(`${output}: ${(size / 1e6).toFixed(0)} MB\n`);
