/** Runs the programs that build a package. */

/** Runs a command. Returns its output. Throws an Error if it fails. */
export async function run(words: readonly string[]): Promise<Uint8Array> {
  const [program, ...args] = words;
  const { success, stdout, stderr } = await new Deno.Command(program!, {
    args,
    stdin: "null",
  }).output();
  if (success) return stdout;
  const text = new TextDecoder().decode(stderr).trim();
  throw new Error(`${words.join(" ")} failed: ${text}`);
}
