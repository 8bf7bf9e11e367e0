/** Changes of a P_Key's entry in the port's table under traffic: moved, taken away, given back. */

import { assert, assertEquals } from "@std/assert";
import {
  createChild,
  fault,
  fixedPair,
  GUIDS,
  labTest,
  Pings,
  until,
} from "./harness/mod.ts";

const CHILD = "ib0.8001";

labTest(
  "A child recovers when its P_Key is moved, taken away and given back; other interfaces lose no packet",
  async (lab) => {
    const [a, b] = await fixedPair(lab);
    for (const [i, host] of [a, b].entries()) {
      await createChild(host, "0x8001", `10.81.0.${i + 1}/24`);
      await createChild(host, "0x8002", `10.82.0.${i + 1}/24`);
      await host.call("wait", { name: CHILD });
      await host.call("wait", { name: "ib0.8002" });
    }
    for (const to of ["10.81.0.2", "10.82.0.2"]) assert(await a.reaches(to));
    const link = () => b.link(CHILD);
    await using parent = await Pings.start(a, b.address);
    await using other = await Pings.start(a, "10.82.0.2");
    await using own = await Pings.start(a, "10.81.0.2");
    const table = (pkeys: string) =>
      fault(lab, "port", GUIDS[1], "pkeys", pkeys);

    await table("0xffff,0x8009,0x8002,0x8001");
    await until("the index", async () => (await link()).pkey_index === 3);
    await b.call("wait", { name: CHILD });
    await own.next();

    await table("0xffff,0x8009,0x8002");
    await until(
      "no index",
      async () => (await link()).pkey_index === undefined,
    );
    assertEquals(
      (await link()).state,
      "waiting for P_Key 0x8001 in the port's table",
    );
    await table("0xffff,0x8001,0x8002");
    await b.call("wait", { name: CHILD });
    assertEquals((await link()).pkey_index, 1);
    await own.next();
    assertEquals([await parent.lost(), await other.lost()], [0, 0]);
  },
);
