/** Which host channel adapter an interface gets, and what the user should know about it. */

import { IpoibError } from "../base/errors.ts";
import type { ProbedPort, VerbsProbe } from "../hca/verbs/probe.ts";
import { DEFAULT_SUBNET, type HcaChoice } from "../ipc/up_options.ts";

const ENODEV = 19;
const ENOENT = 2;
const EPROTONOSUPPORT = 93;

/** What to use. */
export type ChosenHca =
  /** The embedded subnet, with a warning if the user might have expected something else. */
  | { kind: "soft"; subnet: string; warning: string | undefined }
  | { kind: "verbs"; device: string; port: number };

/** Decides; throws `E_HCA` or `E_LIBRARY` for a device that was asked for by name and cannot be had. */
export function chooseHca(
  choice: HcaChoice,
  probe: () => VerbsProbe,
): ChosenHca {
  switch (choice.kind) {
    case "soft":
      return { kind: "soft", subnet: choice.subnet, warning: undefined };
    case "verbs":
      return named(choice.device, choice.port, probe());
    case "auto":
      return automatic(probe());
  }
}

function named(device: string, port: number, found: VerbsProbe): ChosenHca {
  const hint = "use --hca soft for the embedded subnet";
  if (!found.devices.includes(device)) {
    throw new IpoibError(
      "E_HCA",
      `InfiniBand device ${device} does not exist`,
      {
        errno: ENODEV,
        hint,
      },
    );
  }
  if (!found.library) {
    throw new IpoibError(
      "E_LIBRARY",
      `InfiniBand device ${device} cannot be used: libibverbs is missing`,
      { errno: ENOENT, hint: "install libibverbs1 and ibverbs-providers" },
    );
  }
  const ports = found.ports.filter((each) => each.device === device);
  const known = ports.find((each) => each.port === port);
  if (!known) {
    throw new IpoibError("E_HCA", `Device ${device} has no port ${port}`, {
      errno: ENODEV,
      hint: `it has ${ports.map((each) => each.port).join(", ") || "none"}`,
    });
  }
  if (known.linkLayer === "ethernet") {
    throw new IpoibError(
      "E_LINK_LAYER",
      `${
        name(known)
      } is an Ethernet port (RoCE), which has no subnet manager and so no IPoIB`,
      { errno: EPROTONOSUPPORT, hint },
    );
  }
  return { kind: "verbs", device, port };
}

function automatic(found: VerbsProbe): ChosenHca {
  const soft = (warning?: string): ChosenHca => ({
    kind: "soft",
    subnet: DEFAULT_SUBNET,
    warning: warning && `${warning}; using the embedded subnet`,
  });
  if (found.devices.length === 0) return soft();
  const names = found.devices.join(", ");
  if (!found.library) {
    return soft(
      `InfiniBand device ${names} is not used: libibverbs is missing (install libibverbs1)`,
    );
  }
  const real = found.ports.find((each) => each.linkLayer === "infiniband");
  if (real) return { kind: "verbs", device: real.device, port: real.port };
  return soft(
    `Device ${names} is not used: its link is Ethernet (RoCE), which has no IPoIB`,
  );
}

function name({ device, port }: ProbedPort): string {
  return `${device}/${port}`;
}
