/**
 * Compiles the single executable, `dist/ipoib`: `deno task compile [--output FILE] [--with VERSION]`.
 *
 * A compiled program is a runtime, `denort`, with the bundled sources appended. The running Deno downloads the `denort` of its
 * release from Deno's download host. If that host does not have it, or with `--with 2.4.2`, Deno 2.4.2 compiles with a
 * `denort` 2.4.2; both come from the npm registry. The variable `DENORT_BIN` selects another `denort`. The script
 * refuses a `denort` whose release differs from the compiler's, and runs the new executable once. docs/compile.md says
 * what to do without network access.
 */

import { parseArgs } from "@std/cli/parse-args";
import {
  denortVersion,
  isDownloadable,
  NPM_DENORT_VERSION,
  npmDenort,
} from "./compile/denort.ts";
import { bundle, bundledWorkers } from "./bundle.ts";
import { PERMISSIONS, RUNTIME_OPTIONS, workerEntries } from "./program.ts";

Deno.chdir(new URL("../", import.meta.url));
const encoder = new TextEncoder();
const say = (text: string) => void Deno.stdout.writeSync(encoder.encode(text));

const STEPS = 4;
let step = 0;

function begin(what: string): void {
  say(`[${++step}/${STEPS}] ${what}\n`);
}

function fail(message: string): never {
  Deno.stderr.writeSync(encoder.encode(`Cannot compile: ${message}\n`));
  Deno.exit(1);
}

/** Returns the release that compiles and its denort, which is undefined if Deno downloads it. */
async function chooseRuntime(
  wanted: string | undefined,
): Promise<{ version: string; denort: string | undefined }> {
  const given = Deno.env.get("DENORT_BIN");
  if (given) return { version: wanted ?? Deno.version.deno, denort: given };
  if (!wanted && await isDownloadable()) {
    return { version: Deno.version.deno, denort: undefined };
  }
  const version = wanted ?? NPM_DENORT_VERSION;
  if (version !== NPM_DENORT_VERSION) return { version, denort: undefined };
  const denort = await npmDenort().catch((error) =>
    fail(
      `${error.message}; set DENORT_BIN to the denort of a Deno release, and --with to that release (docs/compile.md)`,
    )
  );
  return { version, denort };
}

const options = parseArgs(Deno.args, {
  string: ["output", "with"],
  default: { output: "dist/ipoib" },
  unknown: (argument) =>
    fail(
      `unknown argument "${argument}"; usage: deno task compile [--output FILE] [--with VERSION]`,
    ),
});
const output = String(options.output);
begin("Choosing the runtime");
const { version, denort } = await chooseRuntime(
  options.with === undefined ? undefined : String(options.with),
);
if (denort !== undefined) {
  const found = await denortVersion(denort).catch((error) =>
    fail(error.message)
  );
  if (found === undefined) fail(`${denort} is not a denort`);
  if (found !== version) {
    fail(
      `${denort} belongs to Deno ${found}, but Deno ${version} compiles; use --with ${found}`,
    );
  }
}
const compiler = version === Deno.version.deno
  ? [Deno.execPath()]
  : ["npx", "-y", `deno@${version}`];

/** Runs a command of Deno and ends the script if it fails. */
async function deno(
  [program, ...words]: readonly string[],
  ...args: readonly string[]
): Promise<void> {
  const { code } = await new Deno.Command(program!, {
    args: [...words, ...args],
    env: denort === undefined ? {} : { DENORT_BIN: denort },
    stdout: "inherit",
    stderr: "inherit",
  }).output().catch((error) => fail(`${program} does not start: ${error}`));
  if (code !== 0) {
    fail(
      `deno ${
        args[0]
      } exited with code ${code}; without network access see docs/compile.md`,
    );
  }
}

begin("Checking the packages, and bundling the sources");
// The packages are checked against the lock file. The bundle contains what the program uses of them.
await deno(
  [Deno.execPath()],
  ...["cache", "--quiet", "--frozen", "main.ts", ...workerEntries()],
);
const folder = await Deno.makeTempDir({ prefix: "ipoib-compile-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const main = await bundle(Deno.cwd(), folder).catch((error) =>
  fail(error.message)
);
begin(
  `Compiling ${output} with Deno ${version}${
    denort === undefined ? "" : ` and ${denort}`
  }`,
);
await deno(
  compiler,
  "compile",
  "--quiet",
  "--no-check",
  "--no-code-cache",
  "--no-config",
  ...RUNTIME_OPTIONS,
  ...PERMISSIONS,
  ...bundledWorkers().flatMap((path) => ["--include", `${folder}/${path}`]),
  "--output",
  output,
  main,
);

begin(`Running ${output} --version`);
const { success, stdout } = await new Deno.Command(
  await Deno.realPath(output),
  {
    args: ["--version"],
    stderr: "inherit",
  },
).output();
if (!success) fail(`${output} does not run`);
const size = (await Deno.stat(output)).size;
say(
  `${output}: ${new TextDecoder().decode(stdout).trim()}, ${
    (size / 1e6).toFixed(0)
  } MB\n`,
);
