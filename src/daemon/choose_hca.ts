/** Selection of the HCA ports for the interfaces, from option `--hca` and the devices of the host. */

import { IpoibError } from "../base/errors.ts";
import type { ProbedPort, VerbsProbe } from "../hca/verbs/probe.ts";
import { DEFAULT_SUBNET, type HcaChoice } from "../ipc/up_options.ts";
import { Errno } from "../base/errno.ts";

const SOFT_HINT = "use --hca soft for the embedded subnet";
const ROCE_HINT =
  "with --roce it reaches other nodes that run this program, and nothing else";

/** The HCA port of one interface. */
export type ChosenHca =
  | { kind: "soft"; subnet: string }
  | {
    kind: "verbs";
    device: string;
    port: number;
    /** Present if the link layer of the port is Ethernet. */
    roce?: true;
  };

/** A message about the selection: a warning if a device of the host is not used. */
export interface Notice {
  level: "info" | "warning";
  text: string;
}

/** The HCA ports for all interfaces of a process. */
export type ChosenHcas =
  /** The soft HCA, which provides a port for each interface name. */
  | { kind: "soft"; subnet: string; notice: Notice | undefined }
  /** At least one port of a verbs device, in the order of devices and ports. */
  | {
    kind: "verbs";
    ports: readonly Extract<ChosenHca, { kind: "verbs" }>[];
  };

/**
 * Selects the ports. The choice `auto` falls back to the soft HCA, with a notice, if the host has no usable port.
 *
 * Throws `E_HCA` (ENODEV) if a named device or port does not exist, or if `roce` is true and there is no RDMA device;
 * `E_LIBRARY` (ENOENT) if a named device, or any device with `roce`, cannot be used without libibverbs; `E_LINK_LAYER`
 * (EPROTONOSUPPORT) if a named port is an iWARP port, or an Ethernet port and `roce` is false.
 *
 * @param roce true to use Ethernet ports too
 */
export function chooseHca(
  choice: HcaChoice,
  probe: () => VerbsProbe,
  roce = false,
): ChosenHcas {
  switch (choice.kind) {
    case "soft":
      if (roce) throw noEthernet("The embedded subnet has no Ethernet port");
      return { kind: "soft", subnet: choice.subnet, notice: undefined };
    case "verbs":
      return chosen([named(choice.device, choice.port, probe(), roce)]);
    case "auto":
      return automatic(probe(), roce);
  }
}

/**
 * Returns the choice that selects these ports again in another process. `auto` selects the embedded subnet only while the
 * host has no port.
 */
export function settledChoice(
  choice: HcaChoice,
  hcas: ChosenHcas,
): HcaChoice {
  return hcas.kind === "soft" ? { kind: "soft", subnet: hcas.subnet } : choice;
}

function chosen(ports: readonly ProbedPort[]): ChosenHcas {
  return {
    kind: "verbs",
    ports: ports.map(({ device, port, linkLayer }) => ({
      kind: "verbs",
      device,
      port,
      ...(linkLayer === "ethernet" ? { roce: true } : {}),
    })),
  };
}

function named(
  device: string,
  port: number | undefined,
  found: VerbsProbe,
  roce: boolean,
): ProbedPort {
  if (!found.devices.includes(device)) {
    const others = found.devices.join(", ");
    throw new IpoibError(
      "E_HCA",
      `InfiniBand device ${device} does not exist`,
      {
        errno: Errno.ENODEV,
        hint: others ? `available devices: ${others}` : SOFT_HINT,
      },
    );
  }
  if (!found.library) throw noLibrary(device);
  const ports = found.ports.filter((each) => each.device === device);
  const one = port === undefined
    ? ports.find((each) => each.linkLayer === "infiniband") ?? ports[0]
    : ports.find((each) => each.port === port);
  if (!one) {
    const which = port === undefined ? "port" : `port ${port}`;
    throw new IpoibError("E_HCA", `Device ${device} has no ${which}`, {
      errno: Errno.ENODEV,
      hint: `available ports: ${
        ports.map((each) => each.port).join(", ") || "none"
      }`,
    });
  }
  if (one.linkLayer === "iwarp") {
    throw new IpoibError(
      "E_LINK_LAYER",
      `${device}/${one.port} is an iWARP port, which cannot carry IPoIB: iWARP has no datagrams`,
      { errno: Errno.EPROTONOSUPPORT, hint: SOFT_HINT },
    );
  }
  if (one.linkLayer === "ethernet" && !roce) {
    throw new IpoibError(
      "E_LINK_LAYER",
      `${device}/${one.port} is an Ethernet port (RoCE), which does not support IPoIB`,
      { errno: Errno.EPROTONOSUPPORT, hint: ROCE_HINT },
    );
  }
  return one;
}

function automatic(found: VerbsProbe, roce: boolean): ChosenHcas {
  const soft = (notice: Notice): ChosenHcas => ({
    kind: "soft",
    subnet: DEFAULT_SUBNET,
    notice,
  });
  const unused = (why: string) =>
    soft({ level: "warning", text: `${why}; using the embedded subnet` });
  if (found.devices.length === 0) {
    if (roce) throw noEthernet("This host has no RDMA device");
    return soft({
      level: "info",
      text:
        `No InfiniBand device on this host: using the embedded subnet "${DEFAULT_SUBNET}"`,
    });
  }
  const names = found.devices.join(", ");
  if (!found.library) {
    if (roce) throw noLibrary(names);
    return unused(
      `InfiniBand device ${names} is not used: libibverbs is missing (install libibverbs1)`,
    );
  }
  const real = found.ports.filter(({ linkLayer }) =>
    linkLayer === "infiniband" || roce && linkLayer === "ethernet"
  );
  if (real.length > 0) return chosen(real);
  const usable = found.ports.filter(({ linkLayer }) => linkLayer !== "iwarp");
  if (usable.length === 0) {
    const what = found.ports.length === 0 ? "port" : "port other than iWARP";
    if (roce) throw noEthernet(`Device ${names} has no ${what}`);
    return unused(`Device ${names} is not used: it has no ${what}`);
  }
  return unused(
    `Device ${names} is not used: it has only Ethernet ports (RoCE), which do not support IPoIB (${ROCE_HINT})`,
  );
}

function noLibrary(device: string): IpoibError {
  return new IpoibError(
    "E_LIBRARY",
    `InfiniBand device ${device} cannot be used: libibverbs is missing`,
    { errno: Errno.ENOENT, hint: "install libibverbs1 and ibverbs-providers" },
  );
}

function noEthernet(why: string): IpoibError {
  return new IpoibError("E_HCA", `${why} for --roce`, {
    errno: Errno.ENODEV,
    hint: "omit --roce, or load rdma_rxe and add a device with `rdma link add`",
  });
}
