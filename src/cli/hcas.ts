/** The HCAs of this host, from sysfs. Loads src/system on demand. */

/** A port of an HCA. */
export interface HcaPort {
  readonly device: string;
  readonly port: number;
}

const DEVICES = "/sys/class/infiniband";

/** Returns the ports of all HCAs, by device and port. */
export async function hcaPorts(): Promise<HcaPort[]> {
  const { listDirectory } = await import("../system/read_files.ts");
  return listDirectory(DEVICES).flatMap((device) =>
    listDirectory(`${DEVICES}/${device}/ports`).map(Number)
      .sort((a, b) => a - b).map((port) => ({ device, port }))
  );
}

/** Returns the P_Keys in the table of a port; empty if there is no such port. */
export async function hcaPkeys(
  { device, port }: HcaPort,
): Promise<number[]> {
  const { listDirectory, readSmallFile } = await import(
    "../system/read_files.ts"
  );
  const table = `${DEVICES}/${device}/ports/${port}/pkeys`;
  return listDirectory(table)
    .map((index) => Number(readSmallFile(`${table}/${index}`)))
    .filter((pkey) => (pkey & 0x7fff) !== 0);
}
