/** A stopped member of a multicast group does not cause losses for other members. */

import { assertEquals, assertGreater } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { packetsOf } from "../../scripts/ping_output.ts";
import {
  type Host,
  labTest,
  pause,
  type Program,
  until,
} from "./harness/mod.ts";

const GROUP = "239.1.2.4";
const MGID = "ff12:401b:ffff:0:0:0:f01:204";
const PORT = 5001;
/** More than the slots of a port: a stopped member could otherwise hold all of them. */
const PACKETS = 600;
/** Intervals at normal machine speed: a running member must empty its ring before the ring is full. */
const PACKET_MS = 3;
const PING_MS = 10;

async function attached(host: Host): Promise<boolean> {
  const groups = await host.call("mcg.show", { name: "ib0" });
  return groups.some((group) => group.mgid === MGID && group.attached);
}

function lines(program: Program): number {
  return new Set(program.output.match(/^packet \d+$/gm)).size;
}

labTest(
  "With one of eight hosts stopped, the others lose neither multicast nor unicast packets",
  async (lab) => {
    const hosts: Host[] = await lab.hosts(8);
    const [sender, stopped, ...others] = hosts as [Host, Host, ...Host[]];
    // The sender hosts the subnet manager.
    await sender.up();
    await Promise.all([stopped, ...others].map((host) => host.up()));
    await sender.ip("route", "add", "239.0.0.0/8", "dev", "ib0");
    const members = [stopped, ...others];
    const receivers = members.map((host) =>
      host.start(
        ...["socat", "-u"],
        `UDP4-RECV:${PORT},ip-add-membership=${GROUP}:ib0`,
        "STDOUT",
      )
    );
    for (const host of members) {
      await until(`the join of ${host.address}`, () => attached(host));
    }
    for (const host of members) assertEquals(await sender.reaches(host), true);
    const source = sender.start(
      ...["socat", "-u", "STDIN", `UDP4-DATAGRAM:${GROUP}:${PORT}`],
    );
    const first = `packet 0`;
    await until("the first packet at all members", async () => {
      await source.write(`${first}\n`);
      await pause(50);
      return receivers.every((each) => each.output.includes(first));
    });

    const before = (await sender.counters())["port_xmit_no_credit"]!;
    stopped.daemon.kill("SIGSTOP");
    const pings = [[sender, others[0]!], [others[1]!, others[2]!]].map((
      [from, to],
    ) =>
      from!.start(
        ...["ping", "-n", "-q", "-i", String(patient(PING_MS) / 1000)],
        ...["-c", "200", to!.address],
      )
    );
    for (let i = 1; i <= PACKETS; i++) {
      await source.write(`packet ${i}\n`);
      await pause(patient(PACKET_MS));
    }
    for (const ping of pings) {
      assertEquals(await ping.exit(), 0);
      assertEquals(packetsOf(ping.output), { sent: 200, received: 200 });
    }
    const [stoppedReceiver, ...running] = receivers;
    await until(
      "all packets at the running members",
      () => running.every((each) => lines(each) === PACKETS + 1),
    );
    // Only packets to the stopped member were dropped.
    assertGreater((await sender.counters())["port_xmit_no_credit"]!, before);
    assertEquals(lines(stoppedReceiver!), 1);

    stopped.daemon.kill("SIGCONT");
    await until("a reply of the stopped member", () => sender.reaches(stopped));
    await source.write("packet 100000\n");
    await until(
      "a packet at this member",
      () => stoppedReceiver!.output.includes("100000"),
    );
  },
);
