/** Command lines with which another program starts this one as its plugin. */

import type { CliEnvironment } from "./environment.ts";

/** Returns the words of a command line, with its command if another program gave them. */
export function wordsOf(
  args: readonly string[],
  environment: CliEnvironment,
): readonly string[] {
  if (isExtcapCall(args)) return ["extcap", ...args];
  // A container runtime passes no arguments.
  const plugin = args.length === 0 && environment.cniVariable("CNI_COMMAND");
  return plugin ? ["cni"] : args;
}

/** True for a command line of Wireshark (commands/extcap.ts). */
export function isExtcapCall(
  [first = "", ...rest]: readonly string[],
): boolean {
  return first.startsWith("--extcap-") ||
    (first === "--capture" &&
      rest.some((word) => word.startsWith("--extcap-")));
}
