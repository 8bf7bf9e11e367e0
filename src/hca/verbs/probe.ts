/** Finds the RDMA devices of this host in sysfs, and checks whether libibverbs can be loaded. */

import { libraryExists } from "../../../ffi/libibverbs.ts";
import { listDirectory, readSmallFile } from "../../system/read_files.ts";

const DEVICES = "/sys/class/infiniband";

/** A port and its link layer: InfiniBand, or Ethernet (RoCE). */
export interface ProbedPort {
  readonly device: string;
  readonly port: number;
  readonly linkLayer: "infiniband" | "ethernet";
}

/** The result of {@linkcode probeVerbs}. */
export interface VerbsProbe {
  /** Names of the devices, for example `mlx5_0`. */
  devices: string[];
  /** The ports, ordered by device and port number. */
  ports: ProbedPort[];
  /** True if libibverbs can be loaded; always false without devices, because it is not tried then. */
  library: boolean;
}

/** Reads sysfs. Opens no device. */
export function probeVerbs(directory: string = DEVICES): VerbsProbe {
  // Numeric order: mlx5_10 after mlx5_2.
  const devices = listDirectory(directory).sort(
    new Intl.Collator("en", { numeric: true }).compare,
  );
  const ports = devices.flatMap((device) =>
    listDirectory(`${directory}/${device}/ports`)
      .map(Number)
      .filter((port) => Number.isInteger(port))
      .sort((a, b) => a - b)
      .map((port): ProbedPort => ({
        device,
        port,
        linkLayer: readSmallFile(
            `${directory}/${device}/ports/${port}/link_layer`,
          )?.trim() === "InfiniBand"
          ? "infiniband"
          : "ethernet",
      }))
  );
  return { devices, ports, library: devices.length > 0 && libraryExists() };
}
