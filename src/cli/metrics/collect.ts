/** Collects the metrics of all interfaces, or of one, from their processes. */

import { IpoibError } from "../../base/errors.ts";
import { VERSION } from "../../ipc/version.ts";
import type { CliEnvironment } from "../environment.ts";
import {
  askAll,
  checkPermitted,
  errorsOfAll,
  type Selection,
} from "../listing.ts";
import { namespaceName } from "../namespace.ts";
import type { Target } from "../session.ts";
import type { Family, Labels } from "./exposition.ts";
import { interfaceFamilies, type Measured } from "./interface_metrics.ts";
import { type MeasuredPeers, peerFamilies } from "./peer_metrics.ts";

/** What is collected. */
export interface Scope extends Omit<Selection, "eachInterface"> {
  /** True for metrics of peers too. */
  readonly peers: boolean;
}

/** The records of one process, before the namespace is known. */
interface Collected {
  readonly interfaces: Omit<Measured, "labels">[];
  readonly peers: Omit<MeasuredPeers, "labels">[];
}

/**
 * Returns the families of all metrics. An interface whose process does not answer has only
 * `ipoib_interface_answers`, of value 0.
 *
 * Throws `E_NETNS`; the error of a named interface; and `E_IPC_PERMISSION` if no interface, or not every namespace, can
 * be read for lack of permission.
 */
export async function collect(
  environment: CliEnvironment,
  scope: Scope,
): Promise<Family[]> {
  const { name, allNetns } = scope;
  const listing = await askAll(
    environment,
    { ...scope, eachInterface: false },
    (target) => recordsOf(target, scope),
  );
  checkPermitted(listing);
  const { answers } = listing;
  const [error] = errorsOfAll(answers);
  if (name !== undefined && error) throw error;
  const names = allNetns ? await environment.namespaceNames() : undefined;
  const measured: Measured[] = [];
  const peers: MeasuredPeers[] = [];
  const answering: { labels: Labels; value: number }[] = [];
  for (const answer of answers) {
    const { place, result } = answer;
    const netns = names && namespaceName(place, names);
    const labelsOf = (ifname: string): Labels => ({
      ...(netns === undefined ? {} : { netns }),
      interface: ifname,
    });
    if (result instanceof IpoibError) {
      answering.push({ labels: labelsOf(answer.name), value: 0 });
      continue;
    }
    for (const each of result.interfaces) {
      const labels = labelsOf(each.link.ifname);
      measured.push({ labels, ...each });
      answering.push({ labels, value: 1 });
    }
    for (const each of result.peers) {
      const [neighbour] = each.neighbours;
      if (neighbour) peers.push({ labels: labelsOf(neighbour.dev), ...each });
    }
  }
  return [
    {
      name: "ipoib",
      type: "info",
      help: "The program that reports the metrics.",
      samples: [{ labels: { version: VERSION }, value: 1 }],
    },
    {
      name: "ipoib_interface_answers",
      type: "gauge",
      help: "1 if the process of the interface answers.",
      samples: answering,
    },
    ...interfaceFamilies(measured),
    ...(scope.peers ? peerFamilies(peers) : []),
  ];
}

async function recordsOf(
  { client, name, child }: Target,
  scope: Scope,
): Promise<Collected> {
  const params = scope.name !== undefined || child ? { name } : {};
  const [links, stats, figures, neighbours] = await Promise.all([
    client.call("link.show", params),
    client.call("stats", params),
    client.call("figures", params).catch(noneOfOldVersion),
    scope.peers ? client.call("neigh.show", params) : [],
  ]);
  return {
    interfaces: links.flatMap((link) => {
      const named = ({ ifname }: { ifname: string }) => ifname === link.ifname;
      const counters = stats.find(named);
      return counters
        ? [{ link, stats: counters, figures: figures.find(named) }]
        : [];
    }),
    peers: links.map(({ ifname }) => ({
      neighbours: neighbours.filter(({ dev }) => dev === ifname),
      bounds: figures.find((each) => each.ifname === ifname)?.round_trips
        .bounds ?? [],
    })),
  };
}

/** Returns no records if the process is of a version without the method. */
function noneOfOldVersion(error: unknown): [] {
  if (error instanceof IpoibError && error.code === "E_IPC_METHOD") return [];
  throw error;
}
