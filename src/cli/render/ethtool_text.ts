/** The texts of ethtool 6.1, and its JSON where that version or a later one has any. */

import type {
  CoalesceRecord,
  DriverRecord,
  LinkRecord,
  StatsRecord,
} from "../../ipc/schema.ts";

const NOTHING = "n/a";

/** Every line of `-c`; only two have a value that a driver of this kind knows. */
const COALESCE_GROUPS = [
  ["stats-block-usecs", "sample-interval", "pkt-rate-low", "pkt-rate-high"],
  ["rx-usecs", "rx-frames", "rx-usecs-irq", "rx-frames-irq"],
  ["tx-usecs", "tx-frames", "tx-usecs-irq", "tx-frames-irq"],
  ["rx-usecs-low", "rx-frame-low", "tx-usecs-low", "tx-frame-low"],
  ["rx-usecs-high", "rx-frame-high", "tx-usecs-high", "tx-frame-high"],
];

/** `ethtool -c`. */
export function renderCoalesce(ifname: string, record: CoalesceRecord): string {
  const values: Record<string, number> = record;
  const groups = COALESCE_GROUPS.map((names) =>
    names.map((name) => `${name}: ${values[name] ?? NOTHING}\n`).join("")
  );
  return [
    `Coalesce parameters for ${ifname}:\n`,
    `Adaptive RX: ${NOTHING}  TX: ${NOTHING}\n`,
    groups.join("\n"),
    `\nCQE mode RX: ${NOTHING}  TX: ${NOTHING}\n\n`,
  ].join("");
}

/** `ethtool -i`. */
export function renderDriver(record: DriverRecord): string {
  return Object.entries(record).map(([name, value]) =>
    `${name}: ${typeof value === "boolean" ? (value ? "yes" : "no") : value}\n`
  ).join("");
}

/**
 * The statistics of ib_ipoib's `ethtool -S` in its order; then, as drivers of HCAs do, what else is counted: drops by
 * reason, ARP, and the port's own counters.
 */
export function allStatistics(
  { stats64: { rx, tx }, drops, counters }: StatsRecord,
): Record<string, number> {
  return {
    rx_packets: rx.packets,
    tx_packets: tx.packets,
    rx_bytes: rx.bytes,
    tx_bytes: tx.bytes,
    tx_errors: tx.errors,
    rx_dropped: rx.dropped,
    tx_dropped: tx.dropped,
    multicast: rx.multicast,
    ...drops,
    ...counters,
  };
}

/** `ethtool -S`. */
export function renderStatistics(statistics: Record<string, number>): string {
  const lines = Object.entries(statistics).map(([name, value]) =>
    `     ${name}: ${value}\n`
  );
  return `NIC statistics:\n${lines.join("")}`;
}

/** What `ethtool IF` shows. */
export interface Settings {
  /** Megabits per second; unknown without carrier. */
  readonly speed: number | undefined;
  readonly duplex: "Full" | undefined;
  readonly autonegotiation: boolean;
  readonly port: "Other" | "Twisted Pair";
  readonly phyad: number;
  readonly linkDetected: boolean;
}

/** The settings as ib_ipoib has them: without carrier everything is zero or unknown. */
export function settingsOf({ flags, hca }: LinkRecord): Settings {
  const linkDetected = flags.includes("LOWER_UP");
  return linkDetected
    ? {
      speed: hca.lane_mbps * hca.width,
      duplex: "Full",
      autonegotiation: true,
      port: "Other",
      phyad: 255,
      linkDetected,
    }
    : {
      speed: undefined,
      duplex: undefined,
      autonegotiation: false,
      port: "Twisted Pair",
      phyad: 0,
      linkDetected,
    };
}

/** `ethtool IF`; link modes are what InfiniBand has none of. */
export function renderSettings(ifname: string, settings: Settings): string {
  const { speed, duplex, autonegotiation, port, phyad, linkDetected } =
    settings;
  const lines = [
    "Supported ports: [  ]",
    "Supported link modes:   Not reported",
    "Supported pause frame use: No",
    "Supports auto-negotiation: No",
    "Supported FEC modes: Not reported",
    "Advertised link modes:  Not reported",
    "Advertised pause frame use: No",
    "Advertised auto-negotiation: No",
    "Advertised FEC modes: Not reported",
    `Speed: ${speed === undefined ? "Unknown!" : `${speed}Mb/s`}`,
    `Duplex: ${duplex ?? "Unknown! (255)"}`,
    `Auto-negotiation: ${autonegotiation ? "on" : "off"}`,
    `Port: ${port}`,
    `PHYAD: ${phyad}`,
    "Transceiver: internal",
    ...(port === "Twisted Pair" ? ["MDI-X: Unknown"] : []),
    `Link detected: ${linkDetected ? "yes" : "no"}`,
  ];
  return `Settings for ${ifname}:\n${
    lines.map((line) => `\t${line}\n`).join("")
  }`;
}

/** The same for JSON, in the keys of later versions of ethtool. */
export function settingsJson(settings: Settings): Record<string, unknown> {
  const { speed, duplex, autonegotiation, port, phyad, linkDetected } =
    settings;
  return {
    ...(speed === undefined ? {} : { speed }),
    ...(duplex === undefined ? {} : { duplex }),
    "auto-negotiation": autonegotiation,
    port,
    phyad,
    "transceiver": "internal",
    "link-detected": linkDetected,
  };
}
