/**
 * Checks the sums of the counters of all interfaces at the end of a test (src/ipoib/statistics.ts). A command is run
 * between the turns of the reactor, so the sums are exact even while packets are in motion.
 */

import { patient } from "../../../scripts/machine.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { allStatistics } from "../../../src/cli/render/ethtool_text.ts";
import { stoppedProcess } from "../../../src/doctor/gather/silent_process.ts";
import { IpcClient } from "../../../src/ipc/client.ts";
import {
  interfaceSockets,
  namespaceDirectories,
} from "../../../src/ipc/locate.ts";
import { wrongSums } from "../../statistics_sums.ts";

const REPLY_LIMIT_MS = 5000;

/**
 * Throws if counters of the interfaces of a runtime directory do not add up, children included. A process that has ended
 * is not checked, nor is one that is stopped by a signal, because it does not reply.
 */
export async function checkStatistics(runtime: string): Promise<void> {
  const directories: string[] = [
    runtime,
    ...namespaceDirectories(runtime).map(({ path }) => path),
  ];
  const wrong: string[] = [];
  for (const { name, path, target } of directories.flatMap(interfaceSockets)) {
    // The process of a parent returns the counters of its children, in all namespaces.
    if (target !== undefined || stoppedProcess(path)) continue;
    const texts = await wrongOf(path, name);
    wrong.push(...texts.map((text) => `${path}: ${text}`));
  }
  if (wrong.length === 0) return;
  throw new Error(`Counters do not add up: ${wrong.join("; ")}`);
}

async function wrongOf(path: string, name: string): Promise<string[]> {
  const client = await IpcClient.connect(path, name).catch(() => undefined);
  if (!client) return [];
  using _client = client;
  return await wrongAmong(client).catch((error) => {
    if (error instanceof IpoibError && error.code === "E_IPC_CLOSED") return [];
    throw error;
  });
}

async function wrongAmong(client: IpcClient): Promise<string[]> {
  const options = { timeout: patient(REPLY_LIMIT_MS) };
  const records = await client.call("stats", {}, options);
  return records.flatMap((record) =>
    wrongSums(allStatistics(record)).map((text) => `${record.ifname}: ${text}`)
  );
}
