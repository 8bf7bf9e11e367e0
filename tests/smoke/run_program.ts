/** Runs the program (from source, or the executable that `IPOIB_BINARY` names) to its end. */

import { programCommand } from "../../scripts/program.ts";

/** Runs a subcommand and returns what it said. */
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
