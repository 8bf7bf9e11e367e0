/** The command line of this process, and restarting the program with it. */

import { addressOf, cString, libc } from "../../ffi/libc.ts";
import { lastError } from "./errno.ts";
import { readTextFile } from "./read_files.ts";

const COMMAND_LINE = "/proc/self/cmdline";
/** The kernel's upper bound for arguments and environment in bytes (execve(2)). */
const MAX_LENGTH = 6 << 20;

/**
 * Returns the words before the program's own arguments: the runtime, its options and the main module, or the compiled
 * executable. Throws `E_EXEC`.
 */
export function ownCommand(): string[] {
  const words = commandLine();
  return words.slice(0, words.length - Deno.args.length);
}

function commandLine(): string[] {
  const text = readTextFile(COMMAND_LINE, MAX_LENGTH);
  if (text === undefined) throw lastError("E_EXEC", `read ${COMMAND_LINE}`);
  return text.split("\0").slice(0, -1);
}

/**
 * Replaces this process with a new instance of the same program with the same arguments (execve(2)). The PID stays the
 * same, all other threads end, and descriptors without FD_CLOEXEC stay open. Throws `E_EXEC`; does not return on
 * success.
 */
export function startAgain(): never {
  const path = Deno.execPath();
  const words = commandLine().map(cString);
  const list = new BigUint64Array(words.length + 1);
  for (const [i, word] of words.entries()) list[i] = addressOf(word);
  libc().execv(cString(path), new Uint8Array(list.buffer));
  throw lastError("E_EXEC", `start "${path}" again`, {
    hint: "the user of the process needs permission to execute the file",
  });
}
