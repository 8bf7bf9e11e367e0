/** Connections of one interface to many peers at once. */

import { assertEquals, assertLess } from "@std/assert";
import { report } from "../../scripts/rig/report.ts";
import { FULL } from "../../scripts/test/form.ts";
import { processState } from "../../scripts/torture/process_state.ts";
import {
  createChild,
  type Host,
  labTest,
  TcpFlow,
  until,
} from "./harness/mod.ts";

const PEERS = FULL ? 100 : 8;
const PKEY = 0x8001;
const HUB = "10.80.255.1";
const PORT = 5600;
/** Bytes that each flow must carry in both directions. */
const AMOUNT = 200_000;
const LIMIT_MS = 60_000;
/** Growth of the memory of the hub's process, without packet memory. */
const LIMIT_KIB = 32 * 1024;

/** Adds `count` interfaces in connected mode, each with a link-layer address, an IP address and a route of its own. */
async function addPeers(
  host: Host,
  net: number,
  count: number,
): Promise<string[]> {
  const addresses: string[] = [];
  const lines: string[] = [];
  // Otherwise each interface would send multicast packets to all others.
  await host.must(
    "sh",
    "-c",
    "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6",
  );
  for (let i = 0; i < count; i++) {
    const name = `kid${i}`;
    await host.call("link.add", {
      ...{ link: "ib0", name, pkey: PKEY },
      mode: "connected",
    });
    const address = `10.80.${net}.${i + 1}`;
    const table = 1000 + i;
    addresses.push(address);
    lines.push(
      `link set ${name} up`,
      `address add ${address}/32 dev ${name}`,
      `rule add from ${address} lookup ${table}`,
      `route add ${HUB} dev ${name} table ${table}`,
    );
  }
  // Only the interface with the address answers.
  const sysctl = "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore";
  const batch = `ip -batch - <<'END'\n${lines.join("\n")}\nEND`;
  await host.must("sh", "-c", `${sysctl}\n${batch}`);
  for (let i = 0; i < count; i++) await host.call("wait", { name: `kid${i}` });
  return addresses;
}

labTest(
  `One interface and ${PEERS} peers exchange TCP at once, each on a connection`,
  async (lab) => {
    const [hub, ...hosts] = await lab.running(3);
    const name = await createChild(hub, "0x8001", `${HUB}/16`);
    await hub.call("link.set", { name, mode: "connected" });
    const flows: TcpFlow[] = [];
    using parts = new DisposableStack();
    const before = processState(hub.daemon.pid);
    const peers = await Promise.all(
      hosts.map((host, i) => addPeers(host, i, PEERS / hosts.length)),
    );
    const start = performance.now();
    for (const [i, host] of hosts.entries()) {
      for (const address of peers[i]!) {
        flows.push(parts.use(TcpFlow.open(hub, host, PORT, address)));
      }
    }
    await until("all connections", async () => {
      const { active, passive } = (await hub.link(name)).connections!;
      return active === PEERS && passive === PEERS;
    }, LIMIT_MS);
    const connected = performance.now() - start;
    await until(
      "data on each flow",
      () => flows.every((flow) => flow.received > AMOUNT),
      LIMIT_MS,
    );
    const after = processState(hub.daemon.pid);
    const kib = after.anonymousKib - before.anonymousKib;
    const stall = Math.max(...flows.map((flow) => flow.stallMs));
    report(
      `${PEERS} peers connected after ${connected.toFixed()} ms, longest stall ` +
        `${stall.toFixed()} ms, memory +${kib} KiB, RSS ${after.rssKib} KiB`,
    );
    assertLess(kib, LIMIT_KIB);
    const [stats] = await hub.call("stats", { name });
    const { counters } = stats!;
    assertEquals(counters.connections_fallbacks, 0);
  },
);
