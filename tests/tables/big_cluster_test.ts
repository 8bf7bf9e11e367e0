/**
 * One interface with hundreds of neighbours: thin ports (scripts/thin_ports), which answer ARP and nothing else. All are
 * resolved, and after a client reregister all paths are queried once, while they stay in use.
 */

import { assertEquals } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { Cluster } from "../../scripts/thin_ports/cluster.ts";
import { openNamespace } from "../../src/system/namespace.ts";
import {
  agreedNeighbours,
  GUIDS,
  type Host,
  labTest,
  until,
} from "../e2e/harness/mod.ts";

/** Fewer than the kernel's default limit. The neighbours of the whole machine count, so it may remove some. */
const COUNT = 200;
const SECOND = 20;
const RESOLVE_MS = 20_000;
/** Packets in flight: few enough for the credit of the embedded HCA. */
const AT_ONCE = 50;

/** Returns how many path queries have failed. */
async function failedQueries(host: Host): Promise<number> {
  const events = await host.show<{ event: string }[]>("events", "path");
  return events.filter(({ event }) => event === "failed").length;
}

labTest(
  `${COUNT} neighbours are resolved, and their paths renewed after a reregister`,
  async (lab) => {
    const [a] = await lab.hosts(1);
    await a.up({ args: ["--guid", GUIDS[0]] });
    await a.ip("addr", "add", `10.${SECOND}.255.254/16`, "dev", "ib0");
    using namespace = openNamespace(a.namespace);
    const cluster = await Cluster.start({
      directory: `${lab.runtime}/subnet/default`,
      peer: GUIDS[0],
      namespace,
      second: SECOND,
      count: COUNT,
    });
    try {
      await cluster.reachAll(patient(RESOLVE_MS));
      const paths = await a.call("path.show", { name: "ib0" });
      assertEquals(new Set(paths.map(({ dlid }) => dlid)).size, COUNT);
      const before = await a.counters();
      const failedBefore = await failedQueries(a);
      let { packets } = await cluster.counters();
      await cluster.reregister();
      const after = await until("all paths to be renewed", async () => {
        packets += cluster.send(0, AT_ONCE);
        await until(
          "packets on the old and the new paths",
          async () => (await cluster.counters()).packets >= packets,
        );
        const now = await a.counters();
        return now.paths_found! - before.paths_found! >= COUNT && now;
      });
      // On a slow machine a query may get no answer in time, after which it is repeated.
      const failed = await failedQueries(a) - failedBefore;
      assertEquals(
        after.paths_queried! - before.paths_queried!,
        COUNT + failed,
      );
      await agreedNeighbours(a);
    } finally {
      await cluster.end();
    }
  },
);
