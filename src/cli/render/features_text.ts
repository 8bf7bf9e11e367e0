/** Output of `ethtool -k`: the features of Linux 6.1, in the order of ethtool. */

import type { FeatureRecord } from "../../ipc/schema.ts";

/** A feature (its name, or ethtool's name and the kernel's name), or a group, which is active if any member is. */
type Entry = string | readonly [shown: string, kernel: string] | {
  readonly group: string;
  readonly members: readonly string[];
};

const ENTRIES: readonly Entry[] = [
  ["rx-checksumming", "rx-checksum"],
  {
    group: "tx-checksumming",
    members: [
      "tx-checksum-ipv4",
      "tx-checksum-ip-generic",
      "tx-checksum-ipv6",
      "tx-checksum-fcoe-crc",
      "tx-checksum-sctp",
    ],
  },
  {
    group: "scatter-gather",
    members: ["tx-scatter-gather", "tx-scatter-gather-fraglist"],
  },
  {
    group: "tcp-segmentation-offload",
    members: [
      "tx-tcp-segmentation",
      "tx-tcp-ecn-segmentation",
      "tx-tcp-mangleid-segmentation",
      "tx-tcp6-segmentation",
    ],
  },
  ["generic-segmentation-offload", "tx-generic-segmentation"],
  ["generic-receive-offload", "rx-gro"],
  ["large-receive-offload", "rx-lro"],
  ["rx-vlan-offload", "rx-vlan-hw-parse"],
  ["tx-vlan-offload", "tx-vlan-hw-insert"],
  ["ntuple-filters", "rx-ntuple-filter"],
  ["receive-hashing", "rx-hashing"],
  "highdma",
  "rx-vlan-filter",
  "vlan-challenged",
  "tx-gso-robust",
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

interface State {
  readonly active: boolean;
  /** Null for a group. */
  readonly fixed: boolean | null;
  /** Null for a group. */
  readonly requested: boolean | null;
}

/** State of a feature that the daemon does not report. */
const ABSENT: State = { active: false, fixed: true, requested: false };

interface Line {
  readonly name: string;
  readonly state: State;
  readonly member: boolean;
}

function linesOf(features: readonly FeatureRecord[]): Line[] {
  const byName = new Map<string, State>(
    features.map(({ name, active, fixed, requested }) => [
      name,
      { active, fixed, requested },
    ]),
  );
  const line = (name: string, kernel = name, member = false): Line => ({
    name,
    state: byName.get(kernel) ?? ABSENT,
    member,
  });
  return ENTRIES.flatMap((entry) => {
    if (typeof entry === "string") return [line(entry)];
    if (!("group" in entry)) return [line(...entry)];
    const members = entry.members.map((name) => line(name, name, true));
    const active = members.some(({ state }) => state.active);
    const state = { active, fixed: null, requested: null };
    return [{ name: entry.group, state, member: false }, ...members];
  });
}

/** Formats features as `ethtool -k`. */
export function renderFeatures(
  ifname: string,
  features: readonly FeatureRecord[],
): string {
  const lines = linesOf(features).map(({ name, state, member }) => {
    const { active, fixed, requested } = state;
    const onOff = (on: boolean) => on ? "on" : "off";
    const note = fixed
      ? " [fixed]"
      : requested !== null && requested !== active
      ? ` [requested ${onOff(requested)}]`
      : "";
    return `${member ? "\t" : ""}${name}: ${onOff(active)}${note}\n`;
  });
  return `Features for ${ifname}:\n${lines.join("")}`;
}

/** Converts features to JSON: the state of each feature by its name. */
export function featuresJson(
  features: readonly FeatureRecord[],
): Record<string, State> {
  return Object.fromEntries(
    linesOf(features).map(({ name, state }) => [name, state]),
  );
}
