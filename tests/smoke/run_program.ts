/** Runs the program, from source or as the executable in `IPOIB_BINARY`. */

import { programCommand } from "../../scripts/program.ts";

/** Runs a command and returns its exit code and output. */
export async function runProgram(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [program, ...before] = programCommand();
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...before, ...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}
