/** A stopped host does not stop traffic between other hosts. */

import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import {
  type Host,
  iperfServer,
  iperfStream,
  labTest,
  pause,
  until,
} from "./harness/mod.ts";

/** Returns the mean receive rate over one second at normal machine speed, in bytes per millisecond. */
async function receiveRate(host: Host): Promise<number> {
  const bytes = async () => (await host.link()).stats64!.rx.bytes;
  const [before, start] = [await bytes(), performance.now()];
  await pause(patient(1000));
  return (await bytes() - before) / (performance.now() - start);
}

labTest(
  "SIGSTOP of one host does not stop TCP between two others",
  async (lab) => {
    const [a, b, c] = await lab.hosts(3);
    await a.up();
    await Promise.all([b.up(), c.up()]);
    await iperfServer(b);
    await iperfServer(c);
    // Datagrams do not stop when the receiver does. The rate is limited to what the machine can carry, since pings
    // share the queue of the device with them.
    const rate = `${Math.ceil(100 / patient(1))}M`;
    await Promise.all([
      iperfStream(a, c),
      iperfStream(a, b, "-u", "-b", rate),
    ]);
    const before = await receiveRate(c);
    const dropped = (await a.counters())["port_xmit_no_credit"]!;
    b.daemon.kill("SIGSTOP");
    await pause(300);
    const during = await receiveRate(c);
    // Checks progress, not speed.
    assertGreater(during, before / 10);
    assertEquals((await a.ping(c, { count: 20 })).received, 20);
    assertGreater((await a.counters())["port_xmit_no_credit"]!, dropped);
    b.daemon.kill("SIGCONT");
    await until("a reply of the stopped host", () => a.reaches(b), 10_000);
    const { received, sent } = await a.ping(b, { count: 20 });
    assertLess(sent - received, 2);
  },
);
