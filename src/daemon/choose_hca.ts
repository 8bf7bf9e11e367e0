/** Which ports of host channel adapters there are for interfaces, and what the user should know about them. */

import { IpoibError } from "../base/errors.ts";
import type { ProbedPort, VerbsProbe } from "../hca/verbs/probe.ts";
import { DEFAULT_SUBNET, type HcaChoice } from "../ipc/up_options.ts";

const ENODEV = 19;
const ENOENT = 2;
const EPROTONOSUPPORT = 93;

const SOFT_HINT = "use --hca soft for the embedded subnet";

/** The port of one interface. */
export type ChosenHca =
  | { kind: "soft"; subnet: string }
  | { kind: "verbs"; device: string; port: number };

/** What the user might not have expected: a warning if a device of his is not used. */
export interface Notice {
  level: "info" | "warning";
  text: string;
}

/** What interfaces can be brought up on. */
export type ChosenHcas =
  /** The embedded subnet: as many ports as there are names. */
  | { kind: "soft"; subnet: string; notice: Notice | undefined }
  /** Ports of devices, one at least, in the order of devices and ports. */
  | {
    kind: "verbs";
    ports: readonly Extract<ChosenHca, { kind: "verbs" }>[];
  };

/**
 * Decides; throws for a device that was asked for by name and cannot be had: `E_HCA` (no such device or port), `E_LIBRARY`,
 * `E_LINK_LAYER`.
 */
export function chooseHca(
  choice: HcaChoice,
  probe: () => VerbsProbe,
): ChosenHcas {
  switch (choice.kind) {
    case "soft":
      return { kind: "soft", subnet: choice.subnet, notice: undefined };
    case "verbs":
      return chosen([named(choice.device, choice.port, probe())]);
    case "auto":
      return automatic(probe());
  }
}

function chosen(ports: readonly ProbedPort[]): ChosenHcas {
  return {
    kind: "verbs",
    ports: ports.map(({ device, port }) => ({ kind: "verbs", device, port })),
  };
}

function named(
  device: string,
  port: number | undefined,
  found: VerbsProbe,
): ProbedPort {
  if (!found.devices.includes(device)) {
    const others = found.devices.join(", ");
    throw new IpoibError(
      "E_HCA",
      `InfiniBand device ${device} does not exist`,
      {
        errno: ENODEV,
        hint: others ? `this host has ${others}` : SOFT_HINT,
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
  const one = port === undefined
    ? ports.find((each) => each.linkLayer === "infiniband") ?? ports[0]
    : ports.find((each) => each.port === port);
  if (!one) {
    const which = port === undefined ? "port" : `port ${port}`;
    throw new IpoibError("E_HCA", `Device ${device} has no ${which}`, {
      errno: ENODEV,
      hint: `it has ${ports.map((each) => each.port).join(", ") || "none"}`,
    });
  }
  if (one.linkLayer === "ethernet") {
    throw new IpoibError(
      "E_LINK_LAYER",
      `${device}/${one.port} is an Ethernet port (RoCE), which has no subnet manager and so no IPoIB`,
      { errno: EPROTONOSUPPORT, hint: SOFT_HINT },
    );
  }
  return one;
}

function automatic(found: VerbsProbe): ChosenHcas {
  const soft = (notice: Notice): ChosenHcas => ({
    kind: "soft",
    subnet: DEFAULT_SUBNET,
    notice,
  });
  const unused = (why: string) =>
    soft({ level: "warning", text: `${why}; using the embedded subnet` });
  if (found.devices.length === 0) {
    return soft({
      level: "info",
      text:
        `No InfiniBand device on this host: using the embedded subnet "${DEFAULT_SUBNET}"`,
    });
  }
  const names = found.devices.join(", ");
  if (!found.library) {
    return unused(
      `InfiniBand device ${names} is not used: libibverbs is missing (install libibverbs1)`,
    );
  }
  const real = found.ports.filter((each) => each.linkLayer === "infiniband");
  if (real.length > 0) return chosen(real);
  return unused(
    `Device ${names} is not used: its link is Ethernet (RoCE), which has no IPoIB`,
  );
}
