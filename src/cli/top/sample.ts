/** The counters that `ipoib top` compares: one sample of the rows of a table. */

import { IpoibError } from "../../base/errors.ts";
import { type LinkRecord, RUNNING } from "../../ipc/schema.ts";
import type { CliEnvironment } from "../environment.ts";
import { askAll, checkPermitted, type Selection } from "../listing.ts";
import { namespaceName } from "../namespace.ts";
import { peersAmong } from "../peers.ts";
import { noneRunning, type Target } from "../session.ts";

export const TABLES = ["interfaces", "peers", "groups"] as const;
export type Table = typeof TABLES[number];

/** The counters of a row, by the names of its rates. */
export interface Counts {
  readonly rx: number;
  readonly tx: number;
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly drops: number;
}

/** One interface, peer or group. */
export interface SampleRow {
  /** Name of the interface, IP address of the peer, or MGID. */
  readonly name: string;
  /** The interface of a peer or a group, with the namespace if all are shown. */
  readonly of?: string;
  /** What is wrong; absent if nothing is. */
  readonly trouble?: string;
  /** Absent if the process has not answered. */
  readonly reading?: Reading;
}

/** The counters of a row, and the time of the answer that has them (`performance.now`). */
export interface Reading {
  readonly atMs: number;
  readonly counts: Counts;
}

/** The rows of one round of answers. */
export interface Sample {
  readonly interfaces: readonly SampleRow[];
  /** The rows of the table, if it is not that of the interfaces. */
  readonly others: readonly SampleRow[];
}

/** What is sampled. */
export type Scope = Omit<Selection, "eachInterface">;

/** Takes a sample. Throws the errors of `askAll` and `checkPermitted`, and `E_NOT_RUNNING`. */
export async function takeSample(
  environment: CliEnvironment,
  scope: Scope,
  table: Table,
): Promise<Sample> {
  const { allNetns, name } = scope;
  const listing = await askAll(
    environment,
    { ...scope, eachInterface: false },
    (target) => rowsOf(target, name, table),
  );
  checkPermitted(listing);
  const { answers } = listing;
  if (answers.length === 0) {
    throw await noneRunning(environment, scope);
  }
  const names = allNetns ? await environment.namespaceNames() : undefined;
  const interfaces: SampleRow[] = [];
  const others: SampleRow[] = [];
  for (const { place: directory, name, result } of answers) {
    const netns = names && namespaceName(directory, names);
    const place = netns === undefined ? "" : `${netns}/`;
    if (result instanceof IpoibError) {
      const trouble = result.code === "E_IPC_TIMEOUT"
        ? "not answering"
        : result.message;
      interfaces.push({ name: place + name, trouble });
      continue;
    }
    interfaces.push(
      ...result.interfaces.map((row) => ({ ...row, name: place + row.name })),
    );
    others.push(
      ...result.others.map((row) => ({ ...row, of: place + row.of })),
    );
  }
  return { interfaces, others };
}

async function rowsOf(
  { client, name, child }: Target,
  named: string | undefined,
  table: Table,
): Promise<Sample> {
  const params = named !== undefined || child ? { name } : {};
  const links = await client.call("link.show", params);
  const atMs = performance.now();
  const others = table === "interfaces"
    ? []
    : table === "peers"
    ? peersAmong(await client.call("neigh.show", params)).map((peer) =>
      row(peer.dst, peer, peer.state.includes("FAILED") ? "failed" : undefined)
    )
    : (await client.call("mcg.show", params)).map((group) =>
      row(group.mgid, group, group.error === undefined ? undefined : group.join)
    );
  return { interfaces: links.map((link) => interfaceRow(link, atMs)), others };
}

function interfaceRow(
  { ifname, state, stats64: { rx, tx } }: LinkRecord,
  atMs: number,
): SampleRow {
  const counts = {
    rx: rx.bytes,
    tx: tx.bytes,
    rxPackets: rx.packets,
    txPackets: tx.packets,
    drops: rx.dropped + tx.dropped,
  };
  return {
    name: ifname,
    ...(state === RUNNING ? {} : { trouble: state }),
    reading: { atMs, counts },
  };
}

/** Called as soon as the record has arrived. */
function row(
  name: string,
  record: {
    readonly dev: string;
    readonly rx_bytes?: number;
    readonly tx_bytes?: number;
    readonly rx_packets?: number;
    readonly tx_packets?: number;
  },
  trouble: string | undefined,
): SampleRow {
  const counts = {
    rx: record.rx_bytes ?? 0,
    tx: record.tx_bytes ?? 0,
    rxPackets: record.rx_packets ?? 0,
    txPackets: record.tx_packets ?? 0,
    drops: 0,
  };
  return {
    name,
    of: record.dev,
    ...(trouble === undefined ? {} : { trouble }),
    reading: { atMs: performance.now(), counts },
  };
}
