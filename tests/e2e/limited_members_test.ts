/** Limited members of a partition reach full members only, and say so. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  createChild,
  fault,
  GUIDS,
  labTest,
  startPartitions,
  until,
} from "./harness/mod.ts";

const CHILD = "ib0.8010";
/** The first host is a full member, all others are limited members. */
const PARTITIONS = "Default=0x7fff, ipoib : ALL=full ;\n" +
  `shared=0x0010, ipoib : ALL=limited, ${GUIDS[0]}=full ;\n`;

labTest(
  "Two limited members do not reach each other, and log and link show name the reason",
  async (lab) => {
    await startPartitions(lab, PARTITIONS);
    const hosts = await lab.hosts(3);
    const [full, b, c] = hosts;
    await full.up({ args: ["--guid", GUIDS[0]] });
    await Promise.all([b, c].map((host) => host.up()));
    const address = (i: number) => `10.10.0.${i + 1}`;
    for (const [i, host] of hosts.entries()) {
      await createChild(host, "0x8010", `${address(i)}/24`);
      await host.call("wait", { name: CHILD });
    }
    assertEquals((await full.link(CHILD)).membership, "full");
    assertEquals((await b.link(CHILD)).membership, "limited");
    assertEquals((await b.link()).membership, "full");
    for (const to of [1, 2]) {
      assertEquals((await full.ping(address(to))).received, 5);
    }
    assertEquals((await b.ping(address(0))).received, 5);
    assertEquals((await b.link(CHILD)).unreached, undefined);

    assertEquals(await b.reaches(address(2)), false);
    const noAnswer =
      "no answer; if it is up, both ends are limited members of partition 0x8010";
    await until(
      "the failure of the address resolution",
      async () => (await b.link(CHILD)).unreached,
    );
    assertEquals((await b.link(CHILD)).unreached, [
      { destination: address(2), reason: noAnswer },
    ]);
    await b.daemon.prints(
      /ib0\.8010: warning: 10\.10\.0\.3 is not reached: no answer; if/,
    );

    // The administrator returns no path between limited members to an interface that knows the address.
    const { address: lladdr } = await c.link(CHILD);
    const added = await b.ipoib(
      ...["neigh", "replace", address(2), "lladdr", lladdr, "dev", CHILD],
    );
    assertEquals([added.code, added.stderr], [0, ""]);
    await b.reaches(address(2));
    const noPath = "no path; both ends are limited members of partition 0x8010";
    await until(
      "the failure of the path query",
      async () => (await b.link(CHILD)).unreached?.length === 2,
    );
    const { stdout } = await b.ipoib("-d", "link", "show", CHILD);
    assertMatch(
      stdout,
      /\n {4}membership limited: the port reaches only full members of partition 0x8010\n/,
    );
    assertStringIncludes(
      stdout,
      `\n    ${address(2)} not reached: ${noAnswer}\n`,
    );
    assertMatch(stdout, new RegExp(`\n    fe80:\\S+ not reached: ${noPath}\n`));
    await b.daemon.prints(/is not reached: no path; both ends are limited/);
    assertEquals((await full.link(CHILD)).unreached, undefined);

    // As a full member, c is reached.
    const { guid } = (await c.link()).hca;
    await fault(lab, "port", guid, "pkeys", "0xffff,0x8010");
    await until("b to reach c", () => b.reaches(address(2)));
    assertEquals((await c.link(CHILD)).membership, "full");
  },
);
