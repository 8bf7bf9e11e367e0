/** Words that depend on the running system: interfaces, namespaces, devices, P_Keys, neighbours, ports. */

import { formatPkey, FULL_MEMBER } from "../../base/units.ts";
import {
  interfaceSockets,
  socketDirectory,
  subnetNames,
} from "../../ipc/locate.ts";
import type { SubnetRecord } from "../../ipc/schema.ts";
import { FEATURE_FLAGS } from "../ethtool_features.ts";
import { openAll, type Target } from "../session.ts";
import { fetchSubnet } from "../subnet_session.ts";
import type { Candidate, Source, Where } from "./candidates.ts";

/** A process that does not reply within this time is ignored, because the user waits. */
const REPLY = { timeout: 500 } as const;

/** Interfaces in the namespace. */
export const INTERFACES: Source = async (where) =>
  (await socketsOf(where)).map(({ name }) => ({ word: name }));

/** Child interfaces in the namespace. */
export const CHILDREN: Source = async (where) =>
  (await socketsOf(where)).filter(({ target }) => target !== undefined)
    .map(({ name }) => ({ word: name }));

/** Names of network namespaces. */
export const NAMESPACES: Source = async ({ environment }) =>
  [...(await environment.namespaceNames()).values()]
    .map((word) => ({ word }));

/** Values of `--hca`: the ports of this host, and the embedded subnets. */
export const HCAS: Source = async ({ environment }) => [
  ...(await environment.hcaPorts()).map(({ device, port }) => ({
    word: `${device}/${port}`,
  })),
  { word: "soft", text: "the embedded subnet" },
  ...subnetNames(environment.runtime).map((name) => ({
    word: `soft:${name}`,
  })),
];

/** Names of embedded subnets. */
export const SUBNETS: Source = ({ environment }) =>
  subnetNames(environment.runtime).map((word) => ({ word }));

/** P_Keys of the ports of interfaces in the namespace, with the full membership bit set. */
export const PKEYS: Source = async (where) => {
  const found = await ofAll(where, (target) => pkeysOf(where, target));
  return found.sort((a, b) => a.word < b.word ? -1 : 1);
};

/** P_Keys of child interfaces. */
export const CHILD_PKEYS: Source = (where) =>
  ofAll(where, async ({ client, name }) => {
    const list = await client.call("child.list", { parent: name }, REPLY);
    return list.filter(({ kind }) => kind !== "rtnl")
      .map(({ pkey, ifname }) => ({ word: pkey, text: ifname }));
  });

/** IP addresses of neighbours. */
export const NEIGHBOURS: Source = (where) =>
  ofAll(where, async ({ client }) => {
    const list = await client.call("neigh.show", {}, REPLY);
    return list.map(({ dst, dev }) => ({ word: dst, text: dev }));
  });

/** Offload features that can be changed, and the names of ethtool for them. */
export const FEATURES: Source = async (where) => {
  const found = await ofAll(where, async ({ client, name }) => {
    const list = await client.call("features", { name }, REPLY);
    return list.filter(({ fixed }) => !fixed)
      .map((feature) => ({ word: feature.name }));
  });
  const names = found.map(({ word }) => word);
  const groups = FEATURE_FLAGS.filter(({ members }) =>
    members.some((each) => names.includes(each))
  );
  return [...groups.map(({ short }) => ({ word: short })), ...found];
};

/** Ports of the embedded subnet: interface names, LIDs. */
export const SUBNET_PORTS: Source = async (where) => {
  const { environment, netns } = where;
  const { ports } = await fetchSubnet(environment, netns, undefined, 0);
  const lid = (number: number) => `0x${number.toString(16).padStart(4, "0")}`;
  return ports.flatMap((port) => [
    { word: port.name, text: `lid ${lid(port.lid)}` },
    { word: lid(port.lid), text: port.name },
  ]);
};

async function socketsOf({ environment, netns }: Where) {
  return interfaceSockets(
    socketDirectory(environment.runtime, await environment.namespace(netns)),
  );
}

/** Asks all parents in the namespace. Those that do not reply have no words. */
async function ofAll(
  { environment, netns }: Where,
  ask: (target: Target) => Promise<Candidate[]>,
): Promise<Candidate[]> {
  const targets = await openAll(environment, netns);
  const answers = await Promise.allSettled(targets.map(ask));
  targets.forEach(({ client }) => client.close());
  return answers.flatMap((each) =>
    each.status === "fulfilled" ? each.value : []
  );
}

async function pkeysOf(
  { environment }: Where,
  { client, name }: Target,
): Promise<Candidate[]> {
  const [link] = await client.call("link.show", { name }, REPLY);
  const { hca } = link!;
  const pkeys = await environment.hcaPkeys(hca);
  if (pkeys.length > 0) return pkeys.map((pkey) => ({ word: full(pkey) }));
  const subnet = await client.call("subnet.show", {}, REPLY);
  return portPkeys(subnet, hca.lid);
}

/** Returns the P_Keys of the port with this LID, with the names of their partitions. */
function portPkeys(subnet: SubnetRecord, lid: number): Candidate[] {
  const port = subnet.ports.find((each) => each.lid === lid);
  return (port?.pkeys ?? []).map((pkey) => {
    const partition = subnet.partitions.find((each) =>
      full(each.pkey) === full(pkey)
    );
    return { word: full(pkey), ...(partition && { text: partition.name }) };
  });
}

function full(pkey: number): string {
  return formatPkey(pkey | FULL_MEMBER);
}
