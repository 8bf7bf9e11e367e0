/**
 * Two interfaces of ipoib over soft RoCE of the kernel (rdma_rxe) on guest `c`, which also has an InfiniBand port: two
 * devices on the ends of a veth pair, and a network namespace for each interface.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { megabits, throughput } from "../../../scripts/rig/iperf.ts";
import { meanRoundTripMs, unanswered } from "../../../scripts/rig/ping.ts";
import { report } from "../../../scripts/rig/report.ts";
import {
  createRoceDevices,
  downRoceNode,
  removeRoceDevices,
  ROCE_NODES,
  ROCE_UP_S,
  upRoceNode,
} from "../../../scripts/rig/roce.ts";
import { FULL, fullTest } from "../../../scripts/test/form.ts";

/** Duration of a TCP stream. */
const SECONDS = FULL ? 2 : 1;
const [ONE, TWO] = ROCE_NODES;
/** Broadcast group in the format of `/proc/net/igmp6`. */
const BROADCAST_GROUP = "ff12401bffff000000000000ffffffff";

/** Payload sizes: a small packet, an IP packet of the MTU, and fragments. */
const sizesOf = (mtu: number) => [56, mtu - 28, 6000];

/** Returns the pings in both directions that were not answered. */
async function unansweredPings(guest: Guest, mtu: number): Promise<string[]> {
  const lines: string[] = [];
  for (const [from, to] of [[ONE, TWO], [TWO, ONE]] as const) {
    const sender = guest.inNamespace(from.netns);
    lines.push(...await unanswered(sender, [to.address], sizesOf(mtu)));
  }
  return lines;
}

/** Waits until both interfaces have carrier, or neither has. */
async function waitForCarrier(guest: Guest, on: boolean): Promise<void> {
  const flag = on ? "LOWER_UP" : "NO-CARRIER";
  const shows = ROCE_NODES.map(({ netns, name }) =>
    `ip -n ${netns} link show ${name} | grep -q ${flag}`
  );
  await guest.must(`until ${shows.join(" && ")}; do sleep 0.2; done`);
}

export function roce(fabric: Fabric): void {
  Deno.test("two interfaces over RoCE exchange pings and TCP in both directions", async () => {
    const guest = fabric.c;
    await createRoceDevices(guest);
    await Promise.all(ROCE_NODES.map((node) => upRoceNode(guest, node)));
    // Two more interfaces run on this guest than when it was measured, and compile their code now.
    await guest.measure();
    report(`slowness with two interfaces over RoCE: ${guest.slowness}`);
    assertStringIncludes(
      await guest.must(`ipoib -n ${ONE.netns} -d link show ${ONE.name}`),
      "link_layer Ethernet (RoCE)",
    );
    assertEquals(await groupMembers(guest), 2);
    await assertTraffic(guest, 1020);
  });

  fullTest(
    "up refuses an Ethernet port without --roce, and --roce without an Ethernet port",
    async () => {
      const guest = fabric.c;
      const plain = await guest.run(`ipoib up r9 --hca ${ONE.device}`);
      assertEquals(plain.code, 2, plain.output);
      assertStringIncludes(plain.output, `${ONE.device}/1 is an Ethernet port`);
      assertStringIncludes(plain.output, "--roce");
      const soft = await guest.run("ipoib up r9 --roce --hca soft");
      assertEquals(soft.code, 2, soft.output);
      assertStringIncludes(soft.output, "no Ethernet port");
    },
  );

  fullTest(
    "interfaces over RoCE recover after link down and up, and use a larger MTU of the link",
    async () => {
      const guest = fabric.c;
      await guest.must(`ip link set ${ONE.netdev} down`);
      await waitForCarrier(guest, false);
      assertEquals(await groupMembers(guest), 0);
      await guest.must(
        `ip link set ${ONE.netdev} mtu 4200 && ip link set ${TWO.netdev} mtu 4200 && ip link set ${ONE.netdev} up`,
      );
      await waitForCarrier(guest, true);
      await assertTraffic(guest, 4092);
    },
  );

  fullTest("an interface over RoCE is reachable after a restart", async () => {
    const guest = fabric.c;
    await downRoceNode(guest, TWO);
    await upRoceNode(guest, TWO);
    assertEquals(await unansweredPings(guest, 4092), []);
  });

  fullTest(
    "an interface over RoCE waits for its device, which is removed and added again",
    async () => {
      const guest = fabric.c;
      const { device, netdev, name } = TWO;
      const log = `/tmp/${name}.log`;
      const running = Number(
        await guest.must(`grep -c '${name}: running' ${log}`),
      );
      await guest.must(`rdma link del ${device}`);
      const waiting = `${name}: waiting for device ${device}: it was removed`;
      await guest.waitFor(
        `grep -q '${waiting}' ${log}`,
        ROCE_UP_S,
        `cat ${log}`,
      );
      await guest.must(`rdma link add ${device} type rxe netdev ${netdev}`);
      await guest.waitFor(
        `[ $(grep -c '${name}: running' ${log}) -gt ${running} ]`,
        ROCE_UP_S,
        `cat ${log}`,
      );
      assertEquals(await groupMembers(guest), 2);
      assertEquals(await unansweredPings(guest, 4092), []);
    },
  );

  fullTest(
    "interfaces over RoCE leave their groups when they stop",
    async () => {
      const guest = fabric.c;
      await Promise.all(ROCE_NODES.map((node) => downRoceNode(guest, node)));
      assertEquals(await groupMembers(guest), 0);
      await removeRoceDevices(guest);
    },
  );
}

/** Checks the MTU of both interfaces, and pings and TCP in both directions. */
async function assertTraffic(guest: Guest, mtu: number): Promise<void> {
  for (const { netns, name } of ROCE_NODES) {
    assertStringIncludes(
      await guest.must(`ip -n ${netns} link show ${name}`),
      `mtu ${mtu} `,
    );
  }
  assertEquals(await unansweredPings(guest, mtu), []);
  const [one, two] = ROCE_NODES.map(({ netns }) =>
    guest.inNamespace(netns)
  ) as [
    Guest,
    Guest,
  ];
  const rttMs = await meanRoundTripMs(one, TWO.address);
  const first = await throughput(one, two, TWO.address, SECONDS);
  const second = await throughput(two, one, ONE.address, SECONDS);
  report(
    `RoCE with MTU ${mtu}: ping ${rttMs} ms, iperf3 ${megabits(first)} and ${
      megabits(second)
    }`,
  );
  assert(first > 0 && second > 0);
}

/** Returns the number of network devices that are members of the broadcast group. */
async function groupMembers(guest: Guest): Promise<number> {
  return Number(
    await guest.must(`grep -c ${BROADCAST_GROUP} /proc/net/igmp6 || true`),
  );
}
