/** Interrupt moderation by `ipoib ethtool -C`, with traffic. */

import { assert, assertEquals } from "@std/assert";
import {
  type Host,
  iperf,
  iperfServer,
  labTest,
  until,
} from "./harness/mod.ts";

async function moderate(host: Host, usecs: number, frames = 0): Promise<void> {
  const words = ["rx-usecs", String(usecs), "rx-frames", String(frames)];
  const { code, stderr } = await host.ipoib("ethtool", "-C", "ib0", ...words);
  assertEquals([code, stderr], [0, ""]);
}

/** Returns the minimum and the median round trip of a few pings, in milliseconds. */
async function roundTrips(
  from: Host,
  to: string,
): Promise<{ minimum: number; median: number }> {
  await until(`a reply of ${to}`, () => from.reaches(to));
  const text = await from.must(...["ping", "-n", "-c", "5", "-i", "0.2", to]);
  const times = [...text.matchAll(/time=([0-9.]+)/g)].map(([, ms]) =>
    Number(ms)
  ).sort((a, b) => a - b);
  // ping waits only two round trips for the last reply.
  assert(times.length >= 4, text);
  return { minimum: times[0]!, median: times[times.length >> 1]! };
}

/** Checks a lower bound of the median: other packets may shorten the delay of one or two pings. */
async function assertDelayed(from: Host, to: string, atLeast: number) {
  const { median } = await roundTrips(from, to);
  assert(median >= atLeast, `${median} ms instead of ${atLeast} or more`);
}

/** Time in which a busy machine answers at least one ping without its own delay. */
const PROMPT_LIMIT_MS = 5000;

/** Checks an upper bound of the minimum, which is measured again while the machine is too busy. */
async function assertPrompt(from: Host, to: string, below: number) {
  await until(
    `a round trip of less than ${below} ms`,
    async () => (await roundTrips(from, to)).minimum < below,
    PROMPT_LIMIT_MS,
  );
}

labTest(
  "rx-usecs delays a single packet, rx-frames ends the delay, 0 disables moderation",
  async (lab) => {
    const [a, b] = await lab.running(2);
    assert(await a.reaches(b));
    await moderate(b, 40_000);
    await assertDelayed(a, b.address, 40);
    await moderate(a, 30_000);
    await assertDelayed(a, b.address, 70);
    // Moderation also applies to the new queue pair after link down and up.
    await b.ip("link", "set", "ib0", "down");
    await b.ip("link", "set", "ib0", "up");
    await b.call("wait", {});
    await assertDelayed(a, b.address, 70);
    await moderate(a, 0);
    await moderate(b, 40_000, 1);
    await assertPrompt(a, b.address, 40);
    const [shown] = await b.show<Record<string, number>[]>("ethtool", "-c");
    assertEquals([shown!["rx-usecs"], shown!["rx-frames"]], [40_000, 1]);
  },
);

labTest(
  "moderation of an idle interface does not delay another interface of the port",
  async (lab) => {
    const [a, b] = await lab.running(2);
    for (const [i, host] of [a, b].entries()) {
      await host.ipoib("child", "create", "0x8001");
      await host.ip("link", "set", "ib0.8001", "up");
      await host.call("wait", { name: "ib0.8001" });
      await host.ip("addr", "add", `10.81.0.${i + 1}/24`, "dev", "ib0.8001");
      await moderate(host, 60_000);
    }
    assert(await a.reaches("10.81.0.2"));
    await assertPrompt(a, "10.81.0.2", 60);
    await assertDelayed(a, b.address, 120);
  },
);

labTest(
  "moderation reduces the events of a stream, and loses no packet with the longest period",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await using _server = await iperfServer(b);
    /** Returns the numbers of events and packets of a stream of about 2500 packets in a second. */
    const run = async () => {
      const before = await b.counters();
      await iperf(a, b.address, "-u", "-b", "10M", "-l", "500");
      const after = await b.counters();
      const added = (name: string) => after[name]! - before[name]!;
      return {
        events: added("port_cq_events"),
        packets: added("port_rcv_packets"),
      };
    };
    await moderate(b, 2000);
    const { events: short, packets } = await run();
    assert(short < packets / 2, `${short} events, ${packets} packets`);
    await moderate(b, 65535);
    const { events: long } = await run();
    assert(long < short, `${long} events, ${short} before`);
    // iperf3 counts packets in flight as lost when it stops. The port counters are exact.
    await until("all packets to arrive", async () => {
      const {
        port_xmit_packets: sent,
        port_multicast_xmit_packets: sentToAll,
      } = await a.counters();
      const { port_rcv_packets: got, port_multicast_rcv_packets: gotAsMember } =
        await b.counters();
      // Multicast packets are not compared: some were sent before this host joined.
      return sent! - sentToAll! === got! - gotAsMember!;
    });
    for (const host of [a, b]) assertEquals((await host.link()).drops, {});
  },
);

labTest(
  "adaptive-rx reduces the events of a stream, and delays no packet of an idle link",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await using _server = await iperfServer(b);
    /** Returns the packets for each event during a stream of about 25 000 packets. */
    const run = async () => {
      const read = async () => {
        const { rx_events, rx_received } = await b.counters();
        return [rx_events!, rx_received!] as const;
      };
      const before = await read();
      await iperf(a, b.address, "-u", "-b", "100M", "-l", "500");
      const after = await read();
      return (after[1] - before[1]) / (after[0] - before[0]);
    };
    const without = await run();
    const set = await b.ipoib("ethtool", "-C", "ib0", "adaptive-rx", "on");
    assertEquals([set.code, set.stderr], [0, ""]);
    const shown = await b.ipoib("ethtool", "-c", "ib0");
    assert(shown.stdout.includes("Adaptive RX: on  TX: n/a\n"), shown.stdout);
    const adaptive = await run();
    // The stream has bursts, as iperf3 sends once in a millisecond: one event receives a burst in any case.
    assert(
      adaptive >= Math.min(without, 2),
      `${adaptive} packets for each event, ${without} without`,
    );
    await b.ipoib("ethtool", "-C", "ib0", "rx-usecs", "40000");
    await assertPrompt(a, b.address, 40);
    await b.ipoib("ethtool", "-C", "ib0", "adaptive-rx", "off");
    await assertDelayed(a, b.address, 40);
  },
);
