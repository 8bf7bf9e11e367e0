/** Interfaces on the simulated fabric: their states, and their memberships beside those that `saquery` prints. */

import { assertEquals } from "@std/assert";
import { portGid } from "../../scripts/opensm/fabric.ts";
import { readPort } from "../../scripts/opensm/read.ts";
import {
  printedMember,
  saquery,
  TRUSTED,
} from "../../scripts/opensm/saquery.ts";
import type { Simulator } from "../../scripts/opensm/simulator.ts";
import { formatGid } from "../../src/wire/gid.ts";
import { JoinState } from "../../src/wire/sa/mc_member_record.ts";
import { until } from "../e2e/harness/until.ts";
import { FabricNode, type LinkStatus } from "./fabric_node.ts";

/** The port of the interfaces. */
export const NODE = 2;
/** OpenSM's default: one partition with one IPoIB link. */
export const ONE_LINK = { partitions: "Default=0x7fff, ipoib : ALL=full ;\n" };
export const RUNNING = "running";

/** Runs `run` with an interface on the n-th port, then closes the node. */
export async function withNode(
  simulator: Simulator,
  n: number,
  run: (node: FabricNode) => Promise<void>,
): Promise<void> {
  const node = await FabricNode.start(simulator, n);
  try {
    await node.up();
    await run(node);
    assertEquals((await node.status()).misuse, []);
  } finally {
    await node.close();
  }
}

/** Activates the port of {@linkcode NODE}, and waits until its interface is running. */
export async function activate(
  node: FabricNode,
  simulator: Simulator,
): Promise<void> {
  await node.event("port_active", await readPort(simulator, NODE));
  await reaches(node, "ib0", RUNNING);
}

/** Waits until an interface is in a state and no SA request is pending. */
export function reaches(
  node: FabricNode,
  name: string,
  state: string,
): Promise<LinkStatus> {
  return until(`${name}: ${state}`, async () => {
    const { links, requesting } = await node.status();
    const link = links.find((each) => each.name === name);
    return !requesting && link?.state === state && link;
  });
}

/** Returns the memberships of the n-th port that saquery prints, by MGID. Asserts that they have the port's GID. */
export async function memberships(
  simulator: Simulator,
  n: number,
  gid = portGid(n),
): Promise<Record<string, [mlid: number, qkey: number, joinState: number]>> {
  const printed = await saquery(
    simulator,
    n,
    ...["MCMemberRecord", "--gid", formatGid(gid), ...TRUSTED],
  );
  const records = printed.map(printedMember);
  for (const { portGid } of records) assertEquals(portGid, gid);
  return Object.fromEntries(
    records.map(({ mgid, mlid, qkey, joinState }) => [
      formatGid(mgid),
      [mlid, qkey, joinState],
    ]),
  );
}

/** Returns the joined groups of an interface in the format of {@linkcode memberships}. */
export function ownMemberships({ groups }: LinkStatus) {
  const joined = groups.filter(({ progress }) => progress === "joined");
  return Object.fromEntries(
    joined.map(({ mgid, mlid, qkey, sendOnly }) => [
      formatGid(mgid),
      [
        mlid,
        qkey,
        sendOnly ? JoinState.SendOnlyFullMember : JoinState.FullMember,
      ],
    ]),
  );
}

/** Waits until `count` groups are joined and no request is pending. */
export function joinedAll(
  node: FabricNode,
  name: string,
  count: number,
): Promise<LinkStatus> {
  return until(`${name} has joined ${count} groups`, async () => {
    const { requesting } = await node.status();
    const link = await node.link(name);
    return !requesting &&
      Object.keys(ownMemberships(link)).length === count &&
      link.paths.every(({ state }) => state !== "asking") && link;
  });
}
