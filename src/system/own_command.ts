/** How this process was started, for starting the same program again. */

import { addressOf, cString, libc } from "../../ffi/libc.ts";
import { lastError } from "./errno.ts";
import { readTextFile } from "./read_files.ts";

const COMMAND_LINE = "/proc/self/cmdline";
/** The kernel's own limit of one argument list is 6 MiB with the usual stack. */
const MAX_LENGTH = 6 << 20;

/** The words before the program's own arguments: the runtime with its options and the main module, or the executable. */
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
 * Replaces this process by the same program with the same arguments (execve(2)): all threads and what they hold end, the PID
 * stays, descriptors without O_CLOEXEC stay open. Throws `E_EXEC`; otherwise it does not return.
 */
export function startAgain(): never {
  const path = Deno.execPath();
  const words = commandLine().map(cString);
  const list = new BigUint64Array(words.length + 1);
  for (const [i, word] of words.entries()) list[i] = addressOf(word);
  libc().execv(cString(path), new Uint8Array(list.buffer));
  throw lastError("E_EXEC", `start "${path}" again`, {
    hint: "the user of the process must be allowed to run it",
  });
}
