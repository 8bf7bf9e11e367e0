/** Probing the system with a command. */

/** True if the command can be started and ends with exit code 0; what it prints is dropped. */
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
