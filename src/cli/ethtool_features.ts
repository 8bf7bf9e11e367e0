/**
 * The names of features, as ethtool 6.1 knows them, and the parser of `ethtool -K`.
 *
 * ethtool has names of its own for some features and for groups of features; the kernel has one name for each feature.
 */

/** The kernel's names in the order of its feature bits (Linux 6.1 `netdev_features_strings`). */
export const KERNEL_FEATURES = [
  "tx-scatter-gather",
  "tx-checksum-ipv4",
  "tx-checksum-ip-generic",
  "tx-checksum-ipv6",
  "highdma",
  "tx-scatter-gather-fraglist",
  "tx-vlan-hw-insert",
  "rx-vlan-hw-parse",
  "rx-vlan-filter",
  "vlan-challenged",
  "tx-generic-segmentation",
  "tx-lockless",
  "netns-local",
  "rx-gro",
  "rx-lro",
  "tx-tcp-segmentation",
  "tx-gso-robust",
  "tx-tcp-ecn-segmentation",
  "tx-tcp-mangleid-segmentation",
  "tx-tcp6-segmentation",
  "tx-fcoe-segmentation",
  "tx-gre-segmentation",
  "tx-gre-csum-segmentation",
  "tx-ipxip4-segmentation",
  "tx-ipxip6-segmentation",
  "tx-udp_tnl-segmentation",
  "tx-udp_tnl-csum-segmentation",
  "tx-gso-partial",
  "tx-tunnel-remcsum-segmentation",
  "tx-sctp-segmentation",
  "tx-esp-segmentation",
  "tx-udp-segmentation",
  "tx-gso-list",
  "tx-checksum-fcoe-crc",
  "tx-checksum-sctp",
  "fcoe-mtu",
  "rx-ntuple-filter",
  "rx-hashing",
  "rx-checksum",
  "tx-nocache-copy",
  "loopback",
  "rx-fcs",
  "rx-all",
  "tx-vlan-stag-hw-insert",
  "rx-vlan-stag-hw-parse",
  "rx-vlan-stag-filter",
  "l2-fwd-offload",
  "hw-tc-offload",
  "esp-hw-offload",
  "esp-tx-csum-hw-offload",
  "rx-udp_tunnel-port-offload",
  "tls-hw-tx-offload",
  "tls-hw-rx-offload",
  "rx-gro-hw",
  "tls-hw-record",
  "rx-gro-list",
  "macsec-hw-offload",
  "rx-udp-gro-forwarding",
  "hsr-tag-ins-offload",
  "hsr-tag-rm-offload",
  "hsr-fwd-offload",
  "hsr-dup-offload",
];

/** Features that no device can change, and that the kernel refuses to change (NETIF_F_NEVER_CHANGE). */
const NEVER_CHANGE = ["vlan-challenged", "tx-lockless", "netns-local"];

/** A name of ethtool for one or several features. */
export interface FeatureFlag {
  readonly short: string;
  readonly long: string;
  /** The kernel's names. */
  readonly members: readonly string[];
}

function flag(short: string, long: string, pattern: RegExp): FeatureFlag {
  const members = KERNEL_FEATURES.filter((name) => pattern.test(name));
  return { short, long, members };
}

/** The names of ethtool, in its order. */
export const FEATURE_FLAGS: readonly FeatureFlag[] = [
  flag("rx", "rx-checksumming", /^rx-checksum$/),
  flag("tx", "tx-checksumming", /^tx-checksum-/),
  flag("sg", "scatter-gather", /^tx-scatter-gather/),
  flag("tso", "tcp-segmentation-offload", /^tx-tcp.*-segmentation$/),
  // Linux 4.14 removed the features of this name.
  flag("ufo", "udp-fragmentation-offload", /^tx-udp-fragmentation$/),
  flag("gso", "generic-segmentation-offload", /^tx-generic-segmentation$/),
  flag("gro", "generic-receive-offload", /^rx-gro$/),
  flag("lro", "large-receive-offload", /^rx-lro$/),
  flag("rxvlan", "rx-vlan-offload", /^rx-vlan-hw-parse$/),
  flag("txvlan", "tx-vlan-offload", /^tx-vlan-hw-insert$/),
  flag("ntuple", "ntuple-filters", /^rx-ntuple-filter$/),
  flag("rxhash", "receive-hashing", /^rx-hashing$/),
];

/** Requests by the kernel's names, in the order of the command line. */
export type FeatureRequest = ReadonlyMap<string, boolean>;

/** An invalid request. The message is that of ethtool. */
export class FeatureError extends Error {}

/** A request that the kernel refuses. The message is its explanation and its error, each as ethtool prints it. */
export class FeatureRefusal extends Error {}

/** True if `words` start with the name of a feature and its value, so that they do not name an interface. */
export function startsWithFeature(
  [name, value]: readonly (string | undefined)[],
): boolean {
  return name !== undefined && (value === "on" || value === "off") &&
    membersOf(name) !== undefined;
}

/**
 * Parses pairs of a name and `on` or `off`. Throws {@linkcode FeatureError}, and {@linkcode FeatureRefusal} for an unknown
 * feature and one that no device can change.
 */
export function readFeatures(
  words: readonly string[],
  ifname: string,
): FeatureRequest {
  const request = new Map<string, boolean>();
  let offset = firstOffset(ifname);
  for (let i = 0; i < words.length; i += 2) {
    const name = words[i]!;
    const text = words[i + 1];
    if (text !== "on" && text !== "off") {
      throw new FeatureError(
        `ethtool (-K): flag '${
          text ?? "(null)"
        }' for parameter '${name}' is not followed by 'on' or 'off'`,
      );
    }
    const on = text === "on";
    const members = membersOf(name);
    if (!members) {
      throw new FeatureRefusal(
        `netlink error: bit name not found (offset ${offset})\n` +
          "netlink error: Operation not supported",
      );
    }
    for (const member of members) {
      request.set(member, on);
      offset += bitLength(member, on);
    }
  }
  if (NEVER_CHANGE.some((name) => request.has(name))) {
    throw new FeatureRefusal(
      "netlink error: attempt to change non-ethtool features\n" +
        "netlink error: Invalid argument",
    );
  }
  return request;
}

/** Returns the kernel's names for a name of ethtool or of the kernel; undefined if there is no such feature. */
function membersOf(name: string): readonly string[] | undefined {
  const named = FEATURE_FLAGS.find(({ short, long }) =>
    short === name || long === name
  );
  if (named) return named.members;
  return KERNEL_FEATURES.includes(name) ? [name] : undefined;
}

/** Length in bytes of a netlink attribute with a NUL-terminated text, padded to four bytes. */
export function textAttribute(text: string): number {
  return 4 + Math.ceil((text.length + 1) / 4) * 4;
}

/** Offset of the first bit's name in ethtool's message, which the kernel reports with its explanation. */
function firstOffset(ifname: string): number {
  // nlmsghdr, genlmsghdr, the nested header with name and flags, and the headers of three nested attributes.
  return 16 + 4 + 4 + textAttribute(ifname) + 8 + 3 * 4;
}

/** Length of a bit in the message: a nested attribute with the name, and with a flag if it is on. */
function bitLength(name: string, on: boolean): number {
  return 4 + textAttribute(name) + (on ? 4 : 0);
}
