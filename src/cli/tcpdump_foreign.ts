/** Options of tcpdump that `ipoib capture` does not have, and what there is instead. */

import type { Refusal } from "./foreign_options.ts";

const TSHARK = "tshark -V -r FILE prints all fields and bytes of a file";

const INSTEAD: Readonly<Record<string, string>> = {
  "-i": "name the interface without it: ipoib capture IF",
  "-D": "ipoib link lists the interfaces",
  "-nn": "addresses and ports are always numbers",
  "-e": "link-layer addresses are always printed",
  "-l": "each line is written at once",
  "-U": "packets are written at once",
  "-r": "tshark -r FILE or Wireshark reads a file",
  "-F": "the filter is an argument",
  ...Object.fromEntries(
    ["-v", "-vv", "-vvv", "-A", "-x", "-xx", "-X", "-XX", "-S", "-q"]
      .map((flag) => [flag, TSHARK]),
  ),
};

/** Returns why an option of tcpdump is refused. */
export function refusalOfTcpdump(flag: string): Refusal | undefined {
  const hint = Object.hasOwn(INSTEAD, flag) ? INSTEAD[flag] : undefined;
  if (hint === undefined) return undefined;
  return { message: `Option ${flag} of tcpdump is not supported`, hint };
}
