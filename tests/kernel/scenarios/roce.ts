/**
 * Two of our nodes over the kernel's own soft RoCE (rdma_rxe), on guest `c` beside its InfiniBand port: two devices on the two ends
 * of a veth pair, and a network namespace for each node's interface.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { report } from "../../../scripts/rig/report.ts";
import { fullTest } from "../../../scripts/test/form.ts";

const SECONDS = 2;
const MBIT = 1e6;
/** As `/proc/net/igmp6` has it. */
const BROADCAST_GROUP = "ff12401bffff000000000000ffffffff";

/** A node: its device, the device's network device, the namespace and the name and address of its interface. */
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

async function makeDevices(guest: Guest): Promise<void> {
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

/** The module stays: its end takes all devices of its kind along, and the InfiniBand port is one. */
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
    `ipoib up ${name} --roce --hca ${device} --netns ${netns} --background > ${log} 2>&1 || { cat ${log}; exit 1; }
     ip -n ${netns} addr add ${address}/24 dev ${name}`,
    120,
  );
}

async function down(guest: Guest, { netns, name }: RoceNode): Promise<void> {
  await guest.must(`ipoib -n ${netns} down ${name}`);
}

/** What is not answered of small, full and fragmented packets. */
async function unanswered(
  guest: Guest,
  from: RoceNode,
  to: RoceNode,
  mtu: number,
): Promise<string> {
  const pings = [56, mtu - 28, 6000].map((size) =>
    `ip netns exec ${from.netns} ping -q -n -c 3 -i 0.2 -W ${
      guest.patient(5)
    } -s ${size} ${to.address} > /tmp/ping.out 2>&1 ||
     echo '${to.address} with ${size} bytes' $(grep -o '[0-9]* received' /tmp/ping.out)`
  );
  return await guest.must(`${pings.join("\n")}\ntrue`, 120);
}

/** The mean round trip in milliseconds, of small packets. */
async function roundTrip(guest: Guest): Promise<number> {
  const text = await guest.must(
    `ip netns exec ${ONE.netns} ping -q -n -c 20 -i 0.1 -W 5 ${TWO.address}`,
  );
  return Number(/= [\d.]+\/([\d.]+)\//.exec(text)?.[1]);
}

/** Bits per second that arrived. */
async function tcp(
  guest: Guest,
  from: RoceNode,
  to: RoceNode,
): Promise<number> {
  const inside = ({ netns }: RoceNode) => `ip netns exec ${netns}`;
  const told = JSON.parse(
    await guest.must(
      `${inside(to)} iperf3 -s -1 -D > /dev/null
       for i in $(seq 100); do ${
        inside(to)
      } ss -ltn | grep -q :5201 && break; sleep 0.1; done
       ${inside(from)} iperf3 -J -c ${to.address} -t ${SECONDS}`,
      SECONDS + 90,
    ),
  );
  return told.end.sum_received.bits_per_second;
}

/** Waits until both interfaces have carrier, or neither has. */
async function carrier(guest: Guest, on: boolean): Promise<void> {
  const flag = on ? "LOWER_UP" : "NO-CARRIER";
  const shows = NODES.map(({ netns, name }) =>
    `ip -n ${netns} link show ${name} | grep -q ${flag}`
  );
  await guest.must(`until ${shows.join(" && ")}; do sleep 0.2; done`);
}

export function roce(fabric: Fabric): void {
  Deno.test("an Ethernet port is refused without --roce, and a missing one with it", async () => {
    const guest = fabric.c;
    await makeDevices(guest);
    const plain = await guest.run(`ipoib up r9 --hca ${ONE.device}`);
    assertEquals(plain.code, 2, plain.output);
    assertStringIncludes(plain.output, `${ONE.device}/1 is an Ethernet port`);
    assertStringIncludes(plain.output, "--roce");
    const soft = await guest.run("ipoib up r9 --roce --hca soft");
    assertEquals(soft.code, 2, soft.output);
    assertStringIncludes(soft.output, "no Ethernet port");
  });

  Deno.test("two nodes over RoCE ping each other and run iperf3 both ways", async () => {
    const guest = fabric.c;
    await Promise.all(NODES.map((node) => up(guest, node)));
    assertStringIncludes(
      await guest.must(`ipoib -n ${ONE.netns} -d link show ${ONE.name}`),
      "link_layer Ethernet (RoCE)",
    );
    assertEquals(await groups(guest), 2);
    await talk(guest, 1020);
  });

  fullTest(
    "nodes over RoCE come back with a link that was down, and with its larger MTU",
    async () => {
      const guest = fabric.c;
      await guest.must(`ip link set ${ONE.netdev} down`);
      await carrier(guest, false);
      assertEquals(await groups(guest), 0);
      await guest.must(
        `ip link set ${ONE.netdev} mtu 4200 && ip link set ${TWO.netdev} mtu 4200 && ip link set ${ONE.netdev} up`,
      );
      await carrier(guest, true);
      await talk(guest, 4092);
    },
  );

  fullTest("a node over RoCE is found again after a restart", async () => {
    const guest = fabric.c;
    await down(guest, TWO);
    await up(guest, TWO);
    assertEquals(await unanswered(guest, TWO, ONE, 4092), "");
    assertEquals(await unanswered(guest, ONE, TWO, 4092), "");
  });

  Deno.test("nodes over RoCE that end leave their groups", async () => {
    const guest = fabric.c;
    await Promise.all(NODES.map((node) => down(guest, node)));
    assertEquals(await groups(guest), 0);
    await removeDevices(guest);
  });
}

/** Pings and TCP, both ways, between interfaces with this MTU. */
async function talk(guest: Guest, mtu: number): Promise<void> {
  for (const { netns, name } of NODES) {
    assertStringIncludes(
      await guest.must(`ip -n ${netns} link show ${name}`),
      `mtu ${mtu} `,
    );
  }
  assertEquals(await unanswered(guest, ONE, TWO, mtu), "");
  assertEquals(await unanswered(guest, TWO, ONE, mtu), "");
  const rtt = await roundTrip(guest);
  const away = await tcp(guest, ONE, TWO);
  const back = await tcp(guest, TWO, ONE);
  const mbit = (bits: number) => `${(bits / MBIT).toFixed(1)} Mbit/s`;
  report(
    `RoCE with MTU ${mtu}: ping ${rtt} ms, iperf3 ${mbit(away)} and ${
      mbit(back)
    }`,
  );
  assert(away > 0 && back > 0);
}

/** How many network devices are in the broadcast group. */
async function groups(guest: Guest): Promise<number> {
  return Number(
    await guest.must(`grep -c ${BROADCAST_GROUP} /proc/net/igmp6 || true`),
  );
}
