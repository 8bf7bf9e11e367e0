/** Finds the RDMA devices of this host in sysfs, and checks whether libibverbs can be loaded. */

import { libraryExists } from "../../../ffi/libibverbs.ts";
import { listDirectory, readSmallFile } from "../../system/read_files.ts";

/** Directory of the RDMA devices in sysfs. */
export const RDMA_DEVICES = "/sys/class/infiniband";

/** A port and its link layer: InfiniBand, Ethernet (RoCE), or iWARP, which has no queue pairs for datagrams. */
export interface ProbedPort {
  readonly device: string;
  readonly port: number;
  readonly linkLayer: "infiniband" | "ethernet" | "iwarp";
}

/** Start of the file `node_type` of an iWARP device (RDMA_NODE_RNIC). */
const RNIC = "4:";

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
export function probeVerbs(directory: string = RDMA_DEVICES): VerbsProbe {
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
        linkLayer: linkLayerOf(`${directory}/${device}`, port),
      }))
  );
  return { devices, ports, library: devices.length > 0 && libraryExists() };
}

function linkLayerOf(device: string, port: number): ProbedPort["linkLayer"] {
  if (readSmallFile(`${device}/node_type`)?.startsWith(RNIC)) return "iwarp";
  const layer = readSmallFile(`${device}/ports/${port}/link_layer`)?.trim();
  return layer === "InfiniBand" ? "infiniband" : "ethernet";
}
