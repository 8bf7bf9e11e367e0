/**
 * Selects the GID of a RoCE port, and with it the network device.
 *
 * Only link-local GIDs are eligible. One that is an IPv6 address of its network device is preferred, because peers
 * resolve it by neighbour discovery; among equals RoCE v2 is preferred to v1. Sources: Linux
 * `Documentation/ABI/stable/sysfs-class-infiniband` (gids, gid_attrs), RFC 4862 section 5.3.
 */

import { IpoibError } from "../../../base/errors.ts";
import { listDirectory, readSmallFile } from "../../../system/read_files.ts";
import { Errno } from "../../../base/errno.ts";
import { GID_LENGTH, gidKey, parseGid } from "../../../wire/gid.ts";
import { RDMA_DEVICES } from "../probe.ts";

/** One entry of a port's GID table. */
export interface GidEntry {
  readonly gid: Uint8Array;
  readonly index: number;
  /** RoCE version as in sysfs: `IB/RoCE v1` or `RoCE v2`. */
  readonly type: string;
  /** Name of the network device. */
  readonly netdev: string;
}

/** The selected GID and network device of a port. */
export interface RoceLink {
  /** 16 bytes, link-local. */
  readonly gid: Uint8Array;
  readonly gidIndex: number;
  readonly netdev: string;
  /** Interface index of {@linkcode netdev}. */
  readonly ifindex: number;
  /** True if the GID is an IPv6 address of the network device, so that peers can resolve it. */
  readonly hasAddress: boolean;
}

/** Paths in sysfs and procfs; replaced in tests. */
export interface RoceFiles {
  readonly infiniband: string;
  readonly net: string;
  readonly addresses: string;
}

const FILES: RoceFiles = {
  infiniband: RDMA_DEVICES,
  net: "/sys/class/net",
  addresses: "/proc/thread-self/net/if_inet6",
};
const V2 = "RoCE v2";

/**
 * Selects the GID and the network device of a port. Throws `E_ROCE_LINK` (ENODEV) if the port has no link-local GID on
 * a network device of this namespace.
 */
export function findRoceLink(
  device: string,
  port: number,
  files: RoceFiles = FILES,
): RoceLink {
  const own = ownAddresses(readSmallFile(files.addresses) ?? "");
  const entry = chooseGid(
    readGids(`${files.infiniband}/${device}/ports/${port}`),
    own,
  );
  const ifindex = entry &&
    Number(readSmallFile(`${files.net}/${entry.netdev}/ifindex`));
  if (!entry || !ifindex) {
    throw new IpoibError(
      "E_ROCE_LINK",
      `${device}/${port} has no link-local GID on a network device of this namespace`,
      {
        errno: Errno.ENODEV,
        hint:
          "run in the namespace of its network device, and enable IPv6 on it",
      },
    );
  }
  const { gid, index, netdev } = entry;
  return {
    gid,
    gidIndex: index,
    netdev,
    ifindex,
    hasAddress: own.has(addressKey(entry)),
  };
}

/**
 * Returns the preferred entry, or undefined if none is link-local.
 *
 * @param own addresses of this namespace, from {@linkcode ownAddresses}
 */
export function chooseGid(
  entries: readonly GidEntry[],
  own: ReadonlySet<string>,
): GidEntry | undefined {
  const preference = (entry: GidEntry) =>
    (own.has(addressKey(entry)) ? 2 : 0) + (entry.type === V2 ? 1 : 0);
  let best: GidEntry | undefined;
  for (const entry of entries) {
    if (!isLinkLocal(entry.gid)) continue;
    if (!best || preference(entry) > preference(best)) best = entry;
  }
  return best;
}

/** Returns the entry in the format of {@linkcode ownAddresses}. */
function addressKey({ gid, netdev }: GidEntry): string {
  return `${gidKey(gid)} ${netdev}`;
}

/** Parses `if_inet6`: returns `address netdev` for each line, with the address as 32 hexadecimal digits. */
export function ownAddresses(text: string): Set<string> {
  const found = new Set<string>();
  for (const line of text.split("\n")) {
    const words = line.trim().split(/\s+/);
    if (words.length === 6) found.add(`${words[0]} ${words[5]}`);
  }
  return found;
}

/** Reads the GID table of a port, by index, without its empty entries. */
function readGids(directory: string): GidEntry[] {
  const indices = listDirectory(`${directory}/gids`).map(Number)
    .sort((a, b) => a - b);
  const entries: GidEntry[] = [];
  for (const index of indices) {
    const gid = parseGid(
      readSmallFile(`${directory}/gids/${index}`)?.trim() ?? "",
    );
    // Empty entries have no attributes.
    if (!gid || gid.every((byte) => byte === 0)) continue;
    const attribute = (name: string) =>
      readSmallFile(`${directory}/gid_attrs/${name}/${index}`)?.trim() ?? "";
    entries.push({
      gid,
      index,
      type: attribute("types"),
      netdev: attribute("ndevs"),
    });
  }
  return entries;
}

function isLinkLocal(gid: Uint8Array): boolean {
  return gid.length === GID_LENGTH && gid[0] === 0xfe &&
    (gid[1]! & 0xc0) === 0x80;
}
