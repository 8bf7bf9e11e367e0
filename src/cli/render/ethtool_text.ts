/** Output of ethtool 6.1 as text, and the JSON of ethtool 6.1 or later. */

import { printable } from "../../base/printable.ts";
import type {
  CoalesceRecord,
  DriverRecord,
  LinkRecord,
  RingRecord,
  StatsRecord,
} from "../../ipc/schema.ts";

const NOTHING = "n/a";

/** Lines of `ethtool -c`. Values that the record does not have are n/a. */
const COALESCE_GROUPS = [
  ["stats-block-usecs", "sample-interval", "pkt-rate-low", "pkt-rate-high"],
  ["rx-usecs", "rx-frames", "rx-usecs-irq", "rx-frames-irq"],
  ["tx-usecs", "tx-frames", "tx-usecs-irq", "tx-frames-irq"],
  ["rx-usecs-low", "rx-frame-low", "tx-usecs-low", "tx-frame-low"],
  ["rx-usecs-high", "rx-frame-high", "tx-usecs-high", "tx-frame-high"],
];

/** Formats coalesce parameters as `ethtool -c`. */
export function renderCoalesce(ifname: string, record: CoalesceRecord): string {
  const { "adaptive-rx": adaptive, ...values } = coalesceJson(record);
  const numbers: Record<string, number> = values;
  const groups = COALESCE_GROUPS.map((names) =>
    names.map((name) => `${name}: ${numbers[name] ?? NOTHING}\n`).join("")
  );
  return [
    `Coalesce parameters for ${printable(ifname)}:\n`,
    `Adaptive RX: ${adaptive ? "on" : "off"}  TX: ${NOTHING}\n`,
    groups.join("\n"),
    `\nCQE mode RX: ${NOTHING}  TX: ${NOTHING}\n\n`,
  ].join("");
}

/** Converts coalesce parameters to JSON with the keys of later versions of ethtool. */
export function coalesceJson(
  { "adaptive-rx": adaptive, ...values }: CoalesceRecord,
) {
  return { "adaptive-rx": adaptive === 1, ...values };
}

/** Formats the sizes of the rings as `ethtool -g`. There is one ring for each direction. */
export function renderRings(ifname: string, record: RingRecord): string {
  return [
    `Ring parameters for ${printable(ifname)}:\n`,
    "Pre-set maximums:\n",
    `RX:\t\t${record["rx-max"]}\n`,
    `RX Mini:\t${NOTHING}\n`,
    `RX Jumbo:\t${NOTHING}\n`,
    `TX:\t\t${record["tx-max"]}\n`,
    "Current hardware settings:\n",
    `RX:\t\t${record.rx}\n`,
    `RX Mini:\t${NOTHING}\n`,
    `RX Jumbo:\t${NOTHING}\n`,
    `TX:\t\t${record.tx}\n`,
    `RX Buf Len:\t\t${NOTHING}\n`,
    `CQE Size:\t\t${NOTHING}\n`,
    `TX Push:\t${record["tx-push"] ? "on" : "off"}\n`,
    `TCP data split:\t${NOTHING}\n`,
  ].join("");
}

/** Formats driver information as `ethtool -i`. */
export function renderDriver(record: DriverRecord): string {
  return Object.entries(record).map(([name, value]) =>
    `${name}: ${typeof value === "boolean" ? (value ? "yes" : "no") : value}\n`
  ).join("");
}

/**
 * Returns the statistics of `ethtool -S` on ib_ipoib in its order (Linux ipoib_ethtool.c), followed by drops by reason
 * and all other counters of the interface and its port.
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

/** Formats statistics as `ethtool -S`. */
export function renderStatistics(statistics: Record<string, number>): string {
  const lines = Object.entries(statistics).map(([name, value]) =>
    `     ${name}: ${value}\n`
  );
  return `NIC statistics:\n${lines.join("")}`;
}

/** Link settings of `ethtool IF`. */
export interface Settings {
  /** Megabits per second; undefined without carrier. */
  readonly speed: number | undefined;
  readonly duplex: "Full" | undefined;
  readonly autonegotiation: boolean;
  readonly port: "Other" | "Twisted Pair";
  readonly phyad: number;
  readonly linkDetected: boolean;
}

/** Returns the settings that ib_ipoib reports. Without carrier, all values are zero or unknown. */
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

/** Formats settings as `ethtool IF`. ib_ipoib reports no link modes. */
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
  return `Settings for ${printable(ifname)}:\n${
    lines.map((line) => `\t${line}\n`).join("")
  }`;
}

/** Converts settings to JSON with the keys of later versions of ethtool. */
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
