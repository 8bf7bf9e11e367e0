/** Which host channel adapter an interface gets, and what the user should know about it. */

import { IpoibError } from "../base/errors.ts";
import type { HcaChoice } from "../ipc/up_options.ts";
import { DEFAULT_SUBNET } from "../ipc/up_options.ts";
import type { VerbsProbe } from "../hca/verbs/probe.ts";

/** The embedded subnet to use, with a warning if the user might have expected something else. */
export interface ChosenHca {
  subnet: string;
  warning: string | undefined;
}

/**
 * Decides.
 *
 * Throws `E_HCA` for a device that was asked for by name: this version has the embedded HCA only.
 */
export function chooseHca(
  choice: HcaChoice,
  probe: () => VerbsProbe,
): ChosenHca {
  if (choice.kind === "soft") {
    return { subnet: choice.subnet, warning: undefined };
  }
  const found = probe();
  const names = found.devices.join(", ");
  if (choice.kind === "verbs") {
    throw new IpoibError(
      "E_HCA",
      found.devices.includes(choice.device)
        ? `InfiniBand device ${choice.device} cannot be used by this version`
        : `InfiniBand device ${choice.device} does not exist`,
      { errno: 19, hint: "use --hca soft for the embedded subnet" },
    );
  }
  if (found.devices.length === 0) {
    return { subnet: DEFAULT_SUBNET, warning: undefined };
  }
  const why = found.library
    ? "this version does not use real devices yet"
    : "libibverbs is missing (install libibverbs1)";
  return {
    subnet: DEFAULT_SUBNET,
    warning:
      `InfiniBand device ${names} is not used: ${why}; using the embedded subnet`,
  };
}
