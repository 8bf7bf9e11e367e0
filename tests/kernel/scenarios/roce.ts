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
import { FULL, fullTest } from "../../../scripts/test/form.ts";

/** Duration of a TCP stream. */
const SECONDS = FULL ? 2 : 1;
/** Time limit for the start of an interface at normal machine speed. */
const UP_S = 60;
/** Broadcast group in the format of `/proc/net/igmp6`. */
const BROADCAST_GROUP = "ff12401bffff000000000000ffffffff";

/** An interface over RoCE: RDMA device, Ethernet device, network namespace, name and address. */
interface RoceNode {
  readonly device: string;
  readonly netdev: string;
  readonly netns: string;
  readonly name: string;
  readonly address: string;
}

const NODES: readonly [RoceNode, RoceNode] = [1, 2].map((n): RoceNode => ({
  device: `roce${n}`,
  netdev: `e${n}`,
  netns: `roce${n}`,
  name: `r${n}`,
  address: `10.46.0.${n}`,
})) as [RoceNode, RoceNode];
const [ONE, TWO] = NODES;

async function createDevices(guest: Guest): Promise<void> {
  await guest.must(
    [
      "modprobe rdma_rxe",
      `ip link add ${ONE.netdev} type veth peer name ${TWO.netdev}`,
      ...NODES.map(({ device, netdev, netns }) =>
        `ip link set ${netdev} up && rdma link add ${device} type rxe netdev ${netdev} && ip netns add ${netns}`
      ),
    ].join(" && "),
  );
}

/** Removes the devices. Does not unload rdma_rxe: that would also remove the InfiniBand port. */
async function removeDevices(guest: Guest): Promise<void> {
  await guest.must(
    [
      ...NODES.map(({ device, netns }) =>
        `rdma link del ${device}; ip netns del ${netns}`
      ),
      `ip link del ${ONE.netdev}`,
    ].join("; "),
  );
}

async function up(
  guest: Guest,
  { device, netns, name, address }: RoceNode,
): Promise<void> {
  const log = `/tmp/${name}.log`;
  await guest.must(
    `ipoib up ${name} --roce --hca ${device} --netns ${netns} > ${log} 2>&1 &`,
  );
  await guest.waitFor(`grep -q '${name}: running' ${log}`, UP_S, `cat ${log}`);
  await guest.must(`ip -n ${netns} addr add ${address}/24 dev ${name}`);
}

async function down(guest: Guest, { netns, name }: RoceNode): Promise<void> {
  await guest.must(`ipoib -n ${netns} down ${name}`);
}

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
  const shows = NODES.map(({ netns, name }) =>
    `ip -n ${netns} link show ${name} | grep -q ${flag}`
  );
  await guest.must(`until ${shows.join(" && ")}; do sleep 0.2; done`);
}

export function roce(fabric: Fabric): void {
  Deno.test("up refuses an Ethernet port without --roce, and --roce without an Ethernet port", async () => {
    const guest = fabric.c;
    await createDevices(guest);
    const plain = await guest.run(`ipoib up r9 --hca ${ONE.device}`);
    assertEquals(plain.code, 2, plain.output);
    assertStringIncludes(plain.output, `${ONE.device}/1 is an Ethernet port`);
    assertStringIncludes(plain.output, "--roce");
    const soft = await guest.run("ipoib up r9 --roce --hca soft");
    assertEquals(soft.code, 2, soft.output);
    assertStringIncludes(soft.output, "no Ethernet port");
  });

  Deno.test("two interfaces over RoCE exchange pings and TCP in both directions", async () => {
    const guest = fabric.c;
    await Promise.all(NODES.map((node) => up(guest, node)));
    assertStringIncludes(
      await guest.must(`ipoib -n ${ONE.netns} -d link show ${ONE.name}`),
      "link_layer Ethernet (RoCE)",
    );
    assertEquals(await groupMembers(guest), 2);
    await assertTraffic(guest, 1020);
  });

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
    await down(guest, TWO);
    await up(guest, TWO);
    assertEquals(await unansweredPings(guest, 4092), []);
  });

  Deno.test("interfaces over RoCE leave their groups when they stop", async () => {
    const guest = fabric.c;
    await Promise.all(NODES.map((node) => down(guest, node)));
    assertEquals(await groupMembers(guest), 0);
    await removeDevices(guest);
  });
}

/** Checks the MTU of both interfaces, and pings and TCP in both directions. */
async function assertTraffic(guest: Guest, mtu: number): Promise<void> {
  for (const { netns, name } of NODES) {
    assertStringIncludes(
      await guest.must(`ip -n ${netns} link show ${name}`),
      `mtu ${mtu} `,
    );
  }
  assertEquals(await unansweredPings(guest, mtu), []);
  const [one, two] = NODES.map(({ netns }) => guest.inNamespace(netns)) as [
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
