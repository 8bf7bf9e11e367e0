/** A stopped host is its own affair: the others keep their throughput. */

import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import {
  type Host,
  iperfServer,
  labTest,
  pause,
  type Program,
  until,
} from "./harness/mod.ts";

/** Bytes that arrive in a millisecond, in the mean of a second or, on a slow machine, of several. */
async function arrivals(host: Host): Promise<number> {
  const bytes = async () => (await host.link()).stats64!.rx.bytes;
  const [before, start] = [await bytes(), performance.now()];
  await pause(patient(1000));
  return (await bytes() - before) / (performance.now() - start);
}

labTest(
  "SIGSTOP of one host leaves the other two their throughput",
  async (lab) => {
    const [a, b, c] = await lab.hosts(3);
    await a.up();
    await Promise.all([b.up(), c.up()]);
    await iperfServer(b);
    await iperfServer(c);
    const background = ["-t", "600", "-i", "0.2", "--forceflush"];
    const toC: Program = a.start("iperf3", "-c", c.address, ...background);
    // Blind datagrams: they do not stop when nobody takes them. No more than this machine carries beside the rest, since
    // pings share the device's queue with them.
    const rate = `${Math.ceil(100 / patient(1))}M`;
    const toB = a.start(
      ...["iperf3", "-c", b.address, "-u", "-b", rate, ...background],
    );
    await toC.says(/0\.40-.*bits\/sec/);
    await toB.says(/0\.40-.*bits\/sec/);
    const before = await arrivals(c);
    const dropped = (await a.counters())["port_xmit_no_credit"]!;
    b.daemon.kill("SIGSTOP");
    await pause(300);
    const during = await arrivals(c);
    // A bound of life, not of speed.
    assertGreater(during, before / 2);
    assertEquals((await a.ping(c, { count: 20 })).received, 20);
    assertGreater((await a.counters())["port_xmit_no_credit"]!, dropped);
    b.daemon.kill("SIGCONT");
    await until("the stopped host answers again", () => a.reaches(b), 10_000);
    const { received, sent } = await a.ping(b, { count: 20 });
    assertLess(sent - received, 2);
  },
);
