/**
 * Two interfaces of ipoib over soft RoCE of the kernel (rdma_rxe) on one guest: two devices on the ends of a veth pair,
 * and a network namespace for each interface.
 */

import type { Guest } from "./guest.ts";

/** Time limit for the start of an interface at normal machine speed. */
export const ROCE_UP_S = 60;

/** An interface over RoCE: RDMA device, Ethernet device, network namespace, name and address. */
export interface RoceNode {
  readonly device: string;
  readonly netdev: string;
  readonly netns: string;
  readonly name: string;
  readonly address: string;
}

export const ROCE_NODES: readonly [RoceNode, RoceNode] = [1, 2].map((
  n,
): RoceNode => ({
  device: `roce${n}`,
  netdev: `e${n}`,
  netns: `roce${n}`,
  name: `r${n}`,
  address: `10.46.0.${n}`,
})) as [RoceNode, RoceNode];
const [ONE, TWO] = ROCE_NODES;

/** Creates the devices on a veth pair with an MTU of `mtu`, and the namespaces. */
export async function createRoceDevices(
  guest: Guest,
  mtu = 1500,
): Promise<void> {
  await guest.must(
    [
      "modprobe rdma_rxe",
      `ip link add ${ONE.netdev} mtu ${mtu} type veth peer name ${TWO.netdev} mtu ${mtu}`,
      ...ROCE_NODES.map(({ device, netdev, netns }) =>
        `ip link set ${netdev} up && rdma link add ${device} type rxe netdev ${netdev} && ip netns add ${netns}`
      ),
    ].join(" && "),
  );
}

/** Removes the devices. Does not unload rdma_rxe: that would also remove the InfiniBand port. */
export async function removeRoceDevices(guest: Guest): Promise<void> {
  await guest.must(
    [
      ...ROCE_NODES.map(({ device, netns }) =>
        `rdma link del ${device}; ip netns del ${netns}`
      ),
      `ip link del ${ONE.netdev}`,
    ].join("; "),
  );
}

/** Starts the process of an interface, and assigns its address. Returns when it carries traffic. */
export async function upRoceNode(
  guest: Guest,
  { device, netns, name, address }: RoceNode,
): Promise<void> {
  const log = `/tmp/${name}.log`;
  await guest.must(
    `ipoib up ${name} --roce --hca ${device} --netns ${netns} > ${log} 2>&1 &`,
  );
  await guest.waitFor(
    `grep -q '${name}: running' ${log}`,
    ROCE_UP_S,
    `cat ${log}`,
  );
  await guest.must(`ip -n ${netns} addr add ${address}/24 dev ${name}`);
}

export async function downRoceNode(
  guest: Guest,
  { netns, name }: RoceNode,
): Promise<void> {
  await guest.must(`ipoib -n ${netns} down ${name}`);
}
