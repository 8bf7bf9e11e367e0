/** Runs commands to completion, with a time limit. */

import { patient } from "../../../scripts/machine.ts";

/** Default time limit at normal machine speed; a command that exceeds it is killed. */
const LIMIT_MS = 60_000;

/** Exit code and output of a command. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  /** Time limit at normal machine speed. Default: a minute. */
  readonly limitMs?: number;
}

/** Runs a command to completion. Does not check its exit code. */
export async function run(
  words: readonly string[],
  options: CommandOptions = {},
): Promise<Outcome> {
  const [program, ...args] = words;
  const child = new Deno.Command(program!, {
    args,
    env: { NO_COLOR: "1", LC_ALL: "C", ...options.env },
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const limit = setTimeout(
    () => child.kill("SIGKILL"),
    patient(options.limitMs ?? LIMIT_MS),
  );
  if (options.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  clearTimeout(limit);
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Runs a command and returns its standard output. Throws if the exit code is not 0. */
export async function must(
  words: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(words, options);
  if (code === 0) return stdout;
  throw new Error(
    `${words.join(" ")}: exit code ${code}\n${stdout}${stderr}`,
  );
}
