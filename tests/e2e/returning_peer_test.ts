/** A host that is killed and comes back as another port: another GUID, LID and queue pair, the same IP address. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type Host, labTest, linkAddress, Pings } from "./harness/mod.ts";

/** From the moment that the interface has its address and runs. */
const ANSWER_MS = 1000;
const TIMES = 10;

function guid(number: number): string {
  return `0x02000000000a0${number.toString(16).padStart(3, "0")}`;
}

/** Kills the host's process and starts another one, which carries traffic and has its address when this returns. */
async function returns(host: Host, number: number): Promise<void> {
  host.daemon.kill("SIGKILL");
  await host.daemon.exit();
  await host.up({ args: ["--guid", guid(number)] });
}

labTest(
  `A returning peer answers within ${ANSWER_MS} ms, ${TIMES} times in a row`,
  async (lab) => {
    // The first process holds the subnet manager, which is not what is tested.
    const [a, b] = await lab.hosts(2);
    await a.up();
    await b.up({ args: ["--guid", guid(0)] });
    await using pings = await Pings.start(a, b.address, { interval: 0.05 });
    await pings.next();
    const lids = new Set([(await b.link()).hca.lid]);
    const addresses = new Set([await linkAddress(b)]);
    for (let i = 1; i <= TIMES; i++) {
      await returns(b, i);
      await pings.next(ANSWER_MS);
      lids.add((await b.link()).hca.lid);
      addresses.add(await linkAddress(b));
    }
    assertEquals([lids.size, addresses.size], [TIMES + 1, TIMES + 1]);
    assert(await b.reaches(a));
  },
);

labTest(
  "A returning peer answers with each of its addresses",
  async (lab) => {
    const [a, b] = await lab.hosts(2);
    await a.up();
    await b.up({ args: ["--guid", guid(0)] });
    const others = ["10.9.0.102", "10.9.0.103"];
    const give = async () => {
      for (const each of others) {
        await b.ip("addr", "add", `${each}/24`, "dev", "ib0");
      }
    };
    await give();
    const all = [b.address, ...others];
    const pings = await Promise.all(
      all.map((to) => Pings.start(a, to, { interval: 0.05 })),
    );
    try {
      await Promise.all(pings.map((each) => each.next()));
      const before = await linkAddress(b);
      await returns(b, 1);
      await give();
      await Promise.all(pings.map((each) => each.next(ANSWER_MS)));
      assertNotEquals(await linkAddress(b), before);
    } finally {
      for (const each of pings) await each[Symbol.asyncDispose]();
    }
  },
);
