/** Probes the system with a command. */

/** True if the command starts and exits with code 0. Discards its output. */
export async function succeeds(words: readonly string[]): Promise<boolean> {
  const [program, ...args] = words;
  try {
    const { success } = await new Deno.Command(program!, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}
