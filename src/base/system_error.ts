/** The reason of a failed system call, in the words of strerror(3). */

/** Deno appends the number, the operation and the path, which the messages of this program name themselves. */
const APPENDIX = / \(os error \d+\).*$/s;

/** Returns the text of an exception without what Deno appends. */
export function systemReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(APPENDIX, "");
}
