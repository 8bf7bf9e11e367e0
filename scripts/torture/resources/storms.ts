/** Scenarios with large numbers of routes, addresses, flaps, forged ARP packets, joins or kernel events. */

import { assert, assertLess } from "@std/assert";
import { gidFrom } from "../../../src/wire/gid.ts";
import { parseIpv4 } from "../../../src/wire/ipv4_address.ts";
import {
  type Host,
  membershipSockets,
  must,
  pause,
  TcpFlow,
  until,
} from "../../../tests/e2e/harness/mod.ts";
import {
  acceptable,
  RogueLink,
} from "../../../tests/e2e/harness/rogue_link.ts";
import { RoguePort } from "../../../tests/e2e/harness/rogue_port.ts";
import { random } from "../../../tests/wire/support.ts";
import { type ProcessState, processState } from "../process_state.ts";
import { assertWell, type Scenario } from "./scenario.ts";

const ROUTES = 10_000;
const ADDRESSES = 1000;
const FLAPS = 1000;
const FORGED = 100_000;
const JOINS = 10_000;
const EVENTS = 20_000;
/**
 * Allowed growth of the resident memory of a process in KiB. Most of it is garbage, of which V8 keeps more on a busy
 * machine.
 */
const GROWTH_KIB = 384 * 1024;
const SLOTS = 128;
const PORT = 7005;

/** Runs `ip -batch` on a host. */
async function batch(host: Host, lines: readonly string[]): Promise<void> {
  await must(["ip", "-n", host.namespace, "-force", "-batch", "-"], {
    stdin: [...lines, ""].join("\n"),
  });
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** Asserts limits on the growth of memory, descriptors and mappings. Returns the growth of memory as text. */
function growth(before: ProcessState, host: Host): string {
  const after = processState(host.daemon.pid);
  const kib = after.rssKib - before.rssKib;
  assertLess(kib, GROWTH_KIB);
  assertLess(after.descriptors - before.descriptors, 8);
  assertLess(after.mappings - before.mappings, 16);
  return `${Math.round(kib / 1024)} MiB more`;
}

/** Returns a scenario that runs `run` between two running hosts and then checks traffic and resources. */
function storm(
  name: string,
  expected: string,
  run: (a: Host, b: Host) => Promise<string | void>,
  quick = false,
): Scenario {
  return {
    name,
    expected,
    quick,
    async run(lab) {
      const [a, b] = await lab.running(2);
      await assertWell(a, b);
      const before = processState(a.daemon.pid);
      const result = await run(a, b);
      await assertWell(a, b);
      const grown = growth(before, a);
      return result ? `${result}; ${grown}` : grown;
    },
  };
}

export const stormScenarios: readonly Scenario[] = [
  storm("10^4 routes", "traffic goes on, also by them", async (a, b) => {
    await b.ip("addr", "add", "10.99.0.1/32", "dev", "lo");
    const via = (i: number) =>
      `route add 10.${100 + (i >> 14)}.${i >> 6 & 255}.${
        (i & 63) * 4
      }/30 via ${b.address}`;
    await batch(a, numbers(ROUTES).map(via));
    await a.ip("route", "add", "10.99.0.1/32", "via", b.address);
    assert(await a.reaches("10.99.0.1"));
    await batch(
      a,
      numbers(ROUTES).map((i) => via(i).replace("add", "del")),
    );
  }),
  storm("10^3 addresses", "each of them answers", async (a, b) => {
    const address = (i: number) => `10.9.${1 + (i >> 7)}.${1 + (i & 127)}`;
    await batch(
      a,
      numbers(ADDRESSES).map((i) => `addr add ${address(i)}/16 dev ib0`),
    );
    await b.ip("route", "add", "10.9.0.0/16", "dev", "ib0");
    for (const i of [0, 1, 499, 500, ADDRESSES - 1]) {
      await until(address(i), () => b.reaches(address(i)));
    }
    await batch(
      a,
      // Deleting the primary address first would also delete the others.
      numbers(ADDRESSES).reverse().map((i) =>
        `addr del ${address(i)}/16 dev ib0`
      ),
    );
  }),
  storm("10^3 flaps", "traffic is back", async (a) => {
    await batch(
      a,
      numbers(FLAPS).flatMap(() => [
        "link set ib0 down",
        "link set ib0 up",
      ]),
    );
    await a.call("wait", {});
  }),
  storm("10^5 forged ARPs", "a connection goes on", async (a, b) => {
    const { hca, qpn } = await a.link();
    using port = await RoguePort.register(a.lab, "0x0200000000000bad");
    const fields = {
      ...acceptable({ lid: hca.lid, qpn }, port),
      encap: 0x08060000,
    };
    const next = random(4391);
    const targetIp = parseIpv4(a.address)!;
    using flow = TcpFlow.open(b, a, PORT);
    await until("bytes flow", () => flow.received > 0);
    using link = await RogueLink.open(port, hca.guid, SLOTS);
    let sent = 0;
    while (sent < FORGED) {
      sent += link.flood(fields, () => ({
        operation: 1,
        senderAddress: {
          flags: 0,
          qpn: next(0x1000000),
          gid: gidFrom(0xfe80n << 48n, BigInt(next(0x7fffffff))),
        },
        senderIp: next(4) === 0
          ? parseIpv4("10.9.0.0")! | 10 + next(240)
          : next(0x7fffffff),
        targetAddress: { flags: 0, qpn: 0, gid: new Uint8Array(16) },
        targetIp,
      }));
      await pause(0);
    }
    const { received } = flow;
    await until("bytes still flow", () => flow.received > received);
    return `${sent} sent`;
  }, true),
  storm(
    "10^4 joins by one user, then a new manager",
    "traffic goes on",
    async (a) => {
      using _groups = await membershipSockets(a, JOINS);
      await pause(2000);
      const groups = await a.call("mcg.show", { name: "ib0" });
      // Twice, so that the first process is the manager again and its resources can be compared.
      for (let i = 0; i < 2; i++) {
        await a.lab.ipoib("subnet", "fault", "kill-manager");
        await until("a manager answers", async () => {
          const { code } = await a.lab.ipoib("subnet", "show");
          return code === 0;
        });
        await pause(1000);
      }
      return `${groups.length} groups`;
    },
  ),
  storm("overflow of rtnetlink", "the tables agree again", async (a, b) => {
    a.daemon.kill("SIGSTOP");
    await batch(
      a,
      numbers(EVENTS).flatMap((i) => {
        const address = `10.9.0.${100 + i % 100}`;
        return [
          `neigh replace ${address} dev ib0 nud reachable`,
          `neigh del ${address} dev ib0`,
        ];
      }),
    );
    await a.ip("neigh", "del", b.address, "dev", "ib0");
    a.daemon.kill("SIGCONT");
    const lost = await a.must("cat", "/proc/net/netlink");
    const drops = lost.trim().split("\n").slice(1).reduce(
      (sum, row) => sum + Number(row.trim().split(/\s+/)[8]),
      0,
    );
    assert(drops > 0, "events were lost");
    return `${drops} events lost`;
  }),
];
