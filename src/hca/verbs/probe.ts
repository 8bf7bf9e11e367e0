/** Whether this host has InfiniBand devices, and the library to use them. */

import { libraryExists } from "../../../ffi/libibverbs.ts";
import { listDirectory, readSmallFile } from "../../system/read_files.ts";

const DEVICES = "/sys/class/infiniband";

/** A port, and whether InfiniBand or Ethernet (RoCE) is its link. */
export interface ProbedPort {
  readonly device: string;
  readonly port: number;
  readonly linkLayer: "infiniband" | "ethernet";
}

export interface VerbsProbe {
  /** Names of the devices, `mlx5_0`. */
  devices: string[];
  /** Their ports, in the order of device and port. */
  ports: ProbedPort[];
  /** True if libibverbs can be opened. */
  library: boolean;
}

/** Looks; opens no device. */
export function probeVerbs(folder: string = DEVICES): VerbsProbe {
  // The tenth comes after the second.
  const devices = listDirectory(folder).sort(
    new Intl.Collator("en", { numeric: true }).compare,
  );
  const ports = devices.flatMap((device) =>
    listDirectory(`${folder}/${device}/ports`)
      .map(Number)
      .filter((port) => Number.isInteger(port))
      .sort((a, b) => a - b)
      .map((port): ProbedPort => ({
        device,
        port,
        linkLayer: readSmallFile(
            `${folder}/${device}/ports/${port}/link_layer`,
          )?.trim() === "InfiniBand"
          ? "infiniband"
          : "ethernet",
      }))
  );
  return { devices, ports, library: devices.length > 0 && libraryExists() };
}
