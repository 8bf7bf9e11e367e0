/** Options of ethtool that this program does not have. */

import type { Refusal } from "./foreign_options.ts";

/** The options, and the exit codes of ethtool 6.1 for a device that does not support them, if not 1. */
const CODES: Readonly<Record<string, number | undefined>> = {
  "-s --change": 75,
  "-A --pause": 76,
  "-d --register-dump": 74,
  "-e --eeprom-dump": 74,
  "-E --change-eeprom": 74,
  "-r --negotiate": 255,
  "-p --identify": 255,
  "--set-eee": 76,
  "--phy-statistics": 94,
  ...Object.fromEntries(
    [
      ...["-n", "-u", "--show-nfc", "--show-ntuple"],
      ...["-N", "-U", "--config-nfc", "--config-ntuple"],
      ...["-T", "--show-time-stamping", "-P", "--show-permaddr"],
      ...["-x", "--show-rxfh-indir", "--show-rxfh"],
      ...["-X", "--set-rxfh-indir", "--rxfh", "-f", "--flash"],
      ...["-w", "--get-dump", "-W", "--set-dump", "-Q", "--per-queue"],
      ...["-l", "--show-channels", "-L", "--set-channels", "--reset"],
      ...["-m", "--dump-module-eeprom", "--module-info", "--show-eee"],
      ...["--show-fec", "--set-fec", "--show-priv-flags"],
      ...["--set-priv-flags", "--get-tunable", "--set-tunable"],
      ...["--get-phy-tunable", "--set-phy-tunable", "--show-tunnels"],
      ...["--cable-test", "--cable-test-tdr", "--show-module"],
      ...["--set-module", "-I", "--include-statistics", "--debug"],
      ...["--monitor", "-q"],
    ].map((flag) => [flag, undefined]),
  ),
};

/** Letters that are also options of all commands. */
const SHARED = ["-n", "-s", "-d", "-p", "-f"];

/**
 * Returns why an option of ethtool is refused. Only the first word after `ethtool` is an option of ethtool; later
 * letters are those of all commands.
 */
export function refusalOfEthtool(
  flag: string,
  first: boolean,
): Refusal | undefined {
  if (!first) return undefined;
  const found = Object.entries(CODES)
    .find(([flags]) => flags.split(" ").includes(flag));
  if (!found) return undefined;
  return {
    message: `Option ${flag} of ethtool is not supported for this device`,
    exitCode: found[1] ?? 1,
    ...(SHARED.includes(flag)
      ? { hint: `option ${flag} of all commands precedes ethtool` }
      : {}),
  };
}
