/** `ipoib ethtool -C` on a link that carries traffic. */

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

/** The least round trip of a few pings, in milliseconds. */
async function leastRtt(from: Host, to: string): Promise<number> {
  const text = await from.must(
    ...["ping", "-n", "-q", "-c", "5", "-i", "0.2", to],
  );
  return Number(/= ([0-9.]+)\//.exec(text)![1]);
}

labTest(
  "rx-usecs delays a lone packet, rx-frames ends the delay, 0 takes it away",
  async (lab) => {
    const [a, b] = await lab.running(2);
    assert(await a.reaches(b));
    await moderate(b, 40_000);
    assert(await leastRtt(a, b.address) >= 40);
    await moderate(a, 30_000);
    assert(await leastRtt(a, b.address) >= 70);
    // The queue pair of a link that was down is moderated again.
    await b.ip("link", "set", "ib0", "down");
    await b.ip("link", "set", "ib0", "up");
    await b.call("wait", {});
    assert(await leastRtt(a, b.address) >= 70);
    await moderate(a, 0);
    await moderate(b, 40_000, 1);
    assert(await leastRtt(a, b.address) < 40);
    const [shown] = await b.show<Record<string, number>[]>("ethtool", "-c");
    assertEquals([shown!["rx-usecs"], shown!["rx-frames"]], [40_000, 1]);
  },
);

labTest(
  "another interface of the port is not delayed by an idle one's moderation",
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
    assert(await leastRtt(a, "10.81.0.2") < 60);
    assert(await leastRtt(a, b.address) >= 120);
  },
);

labTest(
  "a moderated stream has fewer events, and loses nothing even for the longest period",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await using _server = await iperfServer(b);
    const events = async () => (await b.counters()).port_cq_events!;
    /** Events of a stream of some 2500 packets. */
    const run = async () => {
      const before = await events();
      await iperf(a, b.address, "-u", "-b", "10M", "-l", "500");
      return await events() - before;
    };
    await moderate(b, 2000);
    const short = await run();
    assert(short < 1250, `${short} events`);
    await moderate(b, 65535);
    const long = await run();
    assert(long < short, `${long} events, ${short} before`);
    // What iperf3 counts as lost is on its way when it stops; the fabric knows better.
    await until("everything has arrived", async () => {
      const sent = (await a.counters()).port_xmit_packets;
      return (await b.counters()).port_rcv_packets === sent;
    });
    for (const host of [a, b]) assertEquals((await host.link()).drops, {});
  },
);
