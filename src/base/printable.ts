/** Text that can be printed on one line of a terminal. */

/**
 * Replaces control characters by `?`: escape sequences would change the terminal, and newlines would forge lines. Names,
 * aliases and labels come from containers and peers; the kernel allows escape characters in names of interfaces.
 */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}
