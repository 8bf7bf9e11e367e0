/**
 * Children come and go beside traffic on their parent; many children on one interface.
 *
 * A burst has more datagrams than the receiver may hold slots of the sender, so datagrams are lost if the data worker of
 * the receiver waits for the kernel longer than the sender pauses (20 ms). The hosts have a high priority, because a
 * data worker that waits for a processor loses them too.
 */

import { assert, assertEquals } from "@std/assert";
import { FULL, fullForm } from "../../scripts/test/form.ts";
import { programCommand } from "../../scripts/program.ts";
import { patient } from "../../scripts/machine.ts";
import {
  createChild,
  type Host,
  labTest,
  pause,
  UdpSocket,
  until,
} from "./harness/mod.ts";

const COUNT = FULL ? 200 : 20;
const BURST = 200;
const PORT = 5001;
/** Time in which a burst arrives. */
const ARRIVAL_MS = 2000;
const datagram = new Uint8Array(64);

async function add(host: Host, i: number): Promise<string> {
  const name = `kid${i}`;
  const pkey = i % 2 === 0 ? 0x8001 : 0x8002;
  await host.call("link.add", { link: "ib0", name, pkey });
  return name;
}

/** Bursts of datagrams in both directions between two hosts. */
class Bursts implements Disposable {
  readonly #hosts: readonly [Host, Host];
  readonly #sockets: readonly UdpSocket[];
  sent = 0;
  readonly received = [0, 0];

  constructor(a: Host, b: Host) {
    this.#hosts = [a, b];
    this.#sockets = this.#hosts.map((host) => UdpSocket.open(host, PORT));
  }

  /** Sends a burst each time that the last one has arrived, until `work` ends; at least one. */
  async beside<T>(work: Promise<T>): Promise<T> {
    let ended = false;
    const over = () => ended = true;
    work.then(over, over);
    do {
      this.#sockets.forEach((socket, i) => {
        const { address } = this.#hosts[1 - i]!;
        for (let n = 0; n < BURST; n++) socket.send(address, PORT, datagram);
      });
      this.sent += BURST;
      await this.#arrival();
    } while (!ended);
    return await work;
  }

  async #arrival(): Promise<void> {
    const deadline = Date.now() + patient(ARRIVAL_MS);
    while (
      this.received.some((received) => received < this.sent) &&
      Date.now() < deadline
    ) {
      await pause(1);
      this.#sockets.forEach((socket, i) =>
        this.received[i]! += socket.receive().length
      );
    }
    assertEquals(this.received, [this.sent, this.sent], "lost datagrams");
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket[Symbol.dispose]();
  }
}

labTest(
  `While ${COUNT} children are created and deleted, bursts on the parent lose no datagram`,
  async (lab) => {
    const [a, b] = await lab.hosts(2);
    const command = ["nice", "-n", "-20", ...programCommand()];
    await Promise.all([a, b].map((host) => host.up({ command })));
    assert(await a.reaches(b));
    assert(await b.reaches(a));
    using bursts = new Bursts(a, b);
    const names: string[] = [];
    for (let i = 0; i < COUNT; i++) {
      const name = await bursts.beside(add(a, i));
      names.push(name);
      await bursts.beside(a.ip("link", "set", name, "up"));
    }
    await a.call("wait", { name: names.at(-1)! });
    for (const name of names) {
      await bursts.beside(a.call("link.del", { name }));
    }
    assertEquals(await a.call("child.list", {}), []);
  },
);

const many = fullForm("200 children with addresses carry traffic");

labTest(many.name, async (lab) => {
  const [a, b] = await lab.running(2);
  const peers = ["0x8001", "0x8002"];
  for (const [i, pkey] of peers.entries()) {
    await createChild(b, pkey, `10.${80 + i}.255.1/16`);
  }
  await a.must(
    ...["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore"],
  );
  for (let i = 0; i < 200; i++) {
    const name = await add(a, i);
    await a.ip("link", "set", name, "up");
    await a.ip("addr", "add", `10.${80 + i % 2}.0.${i + 1}/32`, "dev", name);
  }
  assertEquals((await a.call("child.list", {})).length, 200);
  for (const i of [0, 1, 77, 198, 199]) {
    const name = `kid${i}`;
    await a.call("wait", { name });
    const to = `10.${80 + i % 2}.255.1`;
    await a.ip("route", "replace", `${to}/32`, "dev", name);
    const ping = ["ping", "-n", "-q", "-c", "1", "-I", name, to];
    await until(
      `${name} to reach ${to}`,
      async () => (await a.run(ping)).code === 0,
    );
  }
  const ended = await a.ipoib("down", "ib0");
  assertEquals([ended.code, ended.stderr], [0, ""]);
  assertEquals(await a.hasDevice("kid199"), false);
}, { ignore: many.ignore });
