/** Finds the interfaces of ib_ipoib on a port, in the namespace that sysfs shows. */

import { listDirectory, readSmallFile } from "../../system/read_files.ts";
import type { PortHolder } from "../facts.ts";

const NETWORK_DEVICES = "/sys/class/net";
/** ARPHRD_INFINIBAND. */
const INFINIBAND = "32";
/** Bytes of a link-layer address, as text with colons: the port's GUID is the last eight. */
const GUID_LENGTH = 8 * 3 - 1;
/** Position of the P_Key in the broadcast address: flags and QPN, then bytes 4 and 5 of the MGID. */
const PKEY_AT = 8;

/**
 * Returns the interfaces of ib_ipoib on the port with a GUID. Devices of this program have no link-layer address.
 *
 * @param guid `0x0002c90300000001`
 */
export function kernelLinks(
  guid: string,
  directory: string = NETWORK_DEVICES,
): PortHolder[] {
  const suffix = guid.slice(2).replaceAll(/..(?=.)/g, "$&:");
  return listDirectory(directory).flatMap((name): PortHolder[] => {
    const read = (file: string) =>
      readSmallFile(`${directory}/${name}/${file}`)?.trim();
    if (read("type") !== INFINIBAND) return [];
    if (read("address")?.slice(-GUID_LENGTH) !== suffix) return [];
    const bytes = read("broadcast")?.split(":") ?? [];
    const pkey = `0x${bytes[PKEY_AT] ?? ""}${bytes[PKEY_AT + 1] ?? ""}`;
    return [{ name, kind: "ib_ipoib", pkey }];
  });
}
