/** The sums of an interface's counters (src/ipoib/statistics.ts), for the checks of all suites. */

/** The counters of `ipoib ethtool -S`, by name. */
export type CounterValues = Readonly<Record<string, number>>;

/** Returns the sums that are wrong, as text; none if everything that went in came out or was counted. */
export function wrongSums(counters: CounterValues): string[] {
  const of = (name: string) => {
    const value = counters[name];
    if (value === undefined) throw new Error(`There is no counter ${name}`);
    return value;
  };
  const drops = (prefix: string) =>
    Object.entries(counters)
      .filter(([name]) => DROPS.test(name) && name.startsWith(prefix))
      .reduce((sum, [, count]) => sum + count, 0);
  const written = of("rx_frames") + of("rx_coalesced") - of("too_big_sent") +
    of("rx_ignored");
  const sums: [string, number, number][] = [
    [
      "frames in",
      of("tx_frames") + of("tx_generated"),
      of("tx_packets") + of("tx_waiting") + drops("tx_") -
      of("tx_device_queue"),
    ],
    [
      "packets in",
      of("rx_received"),
      written + of("rx_writing") + of("rx_echoes") + drops("rx_"),
    ],
    ["packets received", of("rx_packets"), written],
    ["transmit drops", of("tx_dropped"), drops("tx_")],
    ["receive drops", of("rx_dropped"), drops("rx_")],
  ];
  return sums.filter(([, left, right]) => left !== right)
    .map(([name, left, right]) => `${name}: ${left} is not ${right}`);
}

/** Names of drops by reason: all other counters of packets are in this list, or have another prefix. */
const DROPS =
  /^[rt]x_(?!(packets|bytes|errors|dropped|frames|generated|waiting|writing|coalesced|received|ignored|echoes|events|arp|nd|dhcp)$)/;
