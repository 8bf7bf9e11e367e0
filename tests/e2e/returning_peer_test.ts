/** A host that is killed and returns with the same IP address on another port: another GUID, LID and QPN. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type Host, labTest, linkAddress, Pings } from "./harness/mod.ts";

/** Time limit for the first reply after the interface is running and has its address. */
const REPLY_MS = 1000;
const TIMES = 10;

function guid(number: number): string {
  return `0x02000000000a0${number.toString(16).padStart(3, "0")}`;
}

/**
 * Kills the process of the host and starts another one. Returns when the new interface carries traffic and has its
 * address.
 */
async function restart(host: Host, number: number): Promise<void> {
  host.daemon.kill("SIGKILL");
  await host.daemon.exit();
  await host.up({ args: ["--guid", guid(number)] });
}

labTest(
  `A peer that returns on another port answers within ${REPLY_MS} ms, ${TIMES} times in a row`,
  async (lab) => {
    // Host a hosts the subnet manager, so that no takeover occurs.
    const [a, b] = await lab.hosts(2);
    await a.up();
    await b.up({ args: ["--guid", guid(0)] });
    await using pings = await Pings.start(a, b.address, { interval: 0.05 });
    await pings.next();
    const lids = new Set([(await b.link()).hca.lid]);
    const addresses = new Set([await linkAddress(b)]);
    for (let i = 1; i <= TIMES; i++) {
      await restart(b, i);
      await pings.next(REPLY_MS);
      lids.add((await b.link()).hca.lid);
      addresses.add(await linkAddress(b));
    }
    assertEquals([lids.size, addresses.size], [TIMES + 1, TIMES + 1]);
    assert(await b.reaches(a));
  },
);

labTest(
  "A peer that returns on another port answers on each of its addresses",
  async (lab) => {
    const [a, b] = await lab.hosts(2);
    await a.up();
    await b.up({ args: ["--guid", guid(0)] });
    const others = ["10.9.0.102", "10.9.0.103"];
    const addOthers = async () => {
      for (const each of others) {
        await b.ip("addr", "add", `${each}/24`, "dev", "ib0");
      }
    };
    await addOthers();
    const all = [b.address, ...others];
    const pings = await Promise.all(
      all.map((to) => Pings.start(a, to, { interval: 0.05 })),
    );
    try {
      await Promise.all(pings.map((each) => each.next()));
      const before = await linkAddress(b);
      await restart(b, 1);
      await addOthers();
      await Promise.all(pings.map((each) => each.next(REPLY_MS)));
      assertNotEquals(await linkAddress(b), before);
    } finally {
      for (const each of pings) await each[Symbol.asyncDispose]();
    }
  },
);
