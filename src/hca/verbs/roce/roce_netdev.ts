/**
 * The Ethernet link under a RoCE port: which GID is its own, and which network device carries it.
 *
 * Of the link-local GIDs one that is an IPv6 address of the network device comes first, because peers find its Ethernet address by
 * neighbour discovery, and RoCE v2 before v1. Sources: Linux `Documentation/ABI/stable/sysfs-class-infiniband`
 * (gids, gid_attrs), RFC 4862 section 5.3.
 */

import { IpoibError } from "../../../base/errors.ts";
import { listDirectory, readSmallFile } from "../../../system/read_files.ts";
import { Errno } from "../../../base/errno.ts";
import { GID_LENGTH, gidKey, parseGid } from "../../../wire/gid.ts";

/** One entry of a port's GID table. */
export interface GidEntry {
  readonly gid: Uint8Array;
  readonly index: number;
  /** As sysfs has it: `IB/RoCE v1`, `RoCE v2`. */
  readonly type: string;
  /** Network device. */
  readonly netdev: string;
}

/** See above. */
export interface RoceLink {
  /** 16 bytes, link-local. */
  readonly gid: Uint8Array;
  readonly gidIndex: number;
  readonly netdev: string;
  /** Interface index of {@linkcode netdev}. */
  readonly ifindex: number;
  /** The GID is an IPv6 address of the network device, so that neighbour discovery finds it. */
  readonly answers: boolean;
}

/** Where the kernel tells all this. */
export interface RoceFiles {
  readonly infiniband: string;
  readonly net: string;
  readonly addresses: string;
}

const FILES: RoceFiles = {
  infiniband: "/sys/class/infiniband",
  net: "/sys/class/net",
  addresses: "/proc/thread-self/net/if_inet6",
};
const V2 = "RoCE v2";

/** The link of a port; throws `E_ROCE_LINK` if it has no link-local GID on a network device of this namespace. */
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
        hint: "use the namespace of its network device, and enable IPv6 there",
      },
    );
  }
  const { gid, index, netdev } = entry;
  return {
    gid,
    gidIndex: index,
    netdev,
    ifindex,
    answers: own.has(addressKey(entry)),
  };
}

/** The best entry, see above; undefined if none is link-local. */
export function chooseGid(
  entries: readonly GidEntry[],
  own: ReadonlySet<string>,
): GidEntry | undefined {
  const worth = (entry: GidEntry) =>
    (own.has(addressKey(entry)) ? 2 : 0) + (entry.type === V2 ? 1 : 0);
  let best: GidEntry | undefined;
  for (const entry of entries) {
    if (!isLinkLocal(entry.gid)) continue;
    if (!best || worth(entry) > worth(best)) best = entry;
  }
  return best;
}

/** As {@linkcode ownAddresses} has it. */
function addressKey({ gid, netdev }: GidEntry): string {
  return `${gidKey(gid)} ${netdev}`;
}

/** Lines of `if_inet6` as `address netdev`, the address in 32 digits. */
export function ownAddresses(text: string): Set<string> {
  const found = new Set<string>();
  for (const line of text.split("\n")) {
    const words = line.trim().split(/\s+/);
    if (words.length === 6) found.add(`${words[0]} ${words[5]}`);
  }
  return found;
}

function readGids(folder: string): GidEntry[] {
  const indices = listDirectory(`${folder}/gids`).map(Number)
    .sort((a, b) => a - b);
  const entries: GidEntry[] = [];
  for (const index of indices) {
    const gid = parseGid(
      readSmallFile(`${folder}/gids/${index}`)?.trim() ?? "",
    );
    // An empty entry has no attributes.
    if (!gid || gid.every((byte) => byte === 0)) continue;
    const attribute = (name: string) =>
      readSmallFile(`${folder}/gid_attrs/${name}/${index}`)?.trim() ?? "";
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
