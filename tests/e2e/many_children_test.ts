/** Children come and go beside traffic on their parent; many children on one interface. */

import { assert, assertEquals } from "@std/assert";
import { FULL, fullForm } from "../../scripts/test/form.ts";
import {
  createChild,
  type Host,
  labTest,
  Pings,
  until,
} from "./harness/mod.ts";

const COUNT = FULL ? 200 : 20;

async function add(host: Host, i: number): Promise<string> {
  const name = `kid${i}`;
  const pkey = i % 2 === 0 ? 0x8001 : 0x8002;
  await host.call("link.add", { link: "ib0", name, pkey });
  return name;
}

labTest(
  `While ${COUNT} children are created and deleted, pings on the parent lose no packet`,
  async (lab) => {
    const [a, b] = await lab.running(2);
    assert(await a.reaches(b));
    assert(await b.reaches(a));
    await using out = await Pings.start(a, b.address, { interval: 0.005 });
    await using back = await Pings.start(b, a.address, { interval: 0.005 });
    const names: string[] = [];
    for (let i = 0; i < COUNT; i++) {
      const name = await add(a, i);
      names.push(name);
      await a.ip("link", "set", name, "up");
    }
    await a.call("wait", { name: names.at(-1)! });
    for (const name of names) await a.call("link.del", { name });
    assertEquals([await out.lost(), await back.lost()], [0, 0]);
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
