/** Builds packages for tests, and runs commands. */

import { buildPackage } from "../../scripts/package/build.ts";

/** Runs a command. Returns its exit code and output. */
export async function run(
  words: readonly string[],
  cwd?: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [program, ...args] = words;
  const { code, stdout, stderr } = await new Deno.Command(program!, {
    args,
    stdin: "null",
    env: { LC_ALL: "C", NO_COLOR: "1", SYSTEMD_COLORS: "0" },
    ...cwd === undefined ? {} : { cwd },
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Runs a command. Returns its standard output. Throws an Error if it fails. */
export async function must(
  words: readonly string[],
  cwd?: string,
): Promise<string> {
  const { code, stdout, stderr } = await run(words, cwd);
  if (code === 0) return stdout;
  throw new Error(`${words.join(" ")}: exit code ${code}\n${stdout}${stderr}`);
}

/** A folder that is deleted on disposal. */
export class TemporaryFolder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "ipoib-package-test-" });

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Builds a package with the program at `binary` in `folder`. Returns its path. */
export async function packageOf(
  binary: string,
  folder: string,
): Promise<string> {
  return (await buildPackage(binary, folder, true)).path;
}
