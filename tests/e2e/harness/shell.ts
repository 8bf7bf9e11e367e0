/** Command lines for a shell, the program as a script, and terminals. */

import { programCommand } from "../../../scripts/program.ts";

/** Returns words as a command line of a shell. */
export function shellLine(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
}

/**
 * Returns a command that runs a script of sh on a pseudo-terminal of 24 rows and 80 columns, whose keys are its standard
 * input, and exits as the script does (script(1)).
 */
export function onTerminal(script: string): string[] {
  return ["script", "-qec", `stty rows 24 cols 80; ${script}`, "/dev/null"];
}

/** Writes a script that executes the program, for other programs that start it by its path. */
export async function writeProgram(path: string): Promise<void> {
  const text = `#!/bin/sh\nexec ${shellLine(programCommand())} "$@"\n`;
  await Deno.writeTextFile(path, text, { mode: 0o755 });
}
