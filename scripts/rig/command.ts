/** Runs the commands that build the images. */

const TAIL_LINES = 15;

/** Runs a command. Returns its standard output. Throws an Error with the last lines of its output if it fails. */
export async function run(
  words: readonly string[],
  options: Pick<Deno.CommandOptions, "cwd" | "env"> = {},
): Promise<string> {
  const [program, ...args] = words;
  const { success, code, stdout, stderr } = await new Deno.Command(program!, {
    ...options,
    args,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout);
  if (success) return text;
  const lines = `${text}${decoder.decode(stderr)}`.trimEnd().split("\n");
  throw new Error(
    `${words.join(" ")} exited with code ${code}:\n${
      lines.slice(-TAIL_LINES).join("\n")
    }`,
  );
}

/** Runs a bash script in which every command of a pipeline must succeed. `args` are `$1` and so on. */
export function runPipe(script: string, ...args: string[]): Promise<string> {
  return run(["bash", "-euc", `set -o pipefail; ${script}`, "bash", ...args]);
}
