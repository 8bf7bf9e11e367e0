/**
 * Checks the sums of the counters of all interfaces at the end of a test (src/ipoib/statistics.ts). A command is run
 * between the turns of the reactor, so the sums are exact even while packets are in motion.
 */

import { patient } from "../../../scripts/machine.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { allStatistics } from "../../../src/cli/render/ethtool_text.ts";
import { isStopped } from "../../../src/doctor/gather/silent_process.ts";
import type { IpcClient } from "../../../src/ipc/client.ts";
import { wrongSums } from "../../statistics_sums.ts";
import type { Host } from "./host.ts";

const REPLY_LIMIT_MS = 5000;

/**
 * Throws if counters of a host's interfaces do not add up. A host whose interface has ended is not checked, nor is one
 * whose process is stopped by a signal, because it does not reply.
 */
export async function checkStatistics(host: Host): Promise<void> {
  const client = await host.connect().catch(() => undefined);
  if (!client) return;
  using _client = client;
  const { pid } = host;
  if (pid !== undefined && isStopped(pid)) return;
  const wrong = await wrongAmong(client).catch((error) => {
    if (error instanceof IpoibError && error.code === "E_IPC_CLOSED") return [];
    throw error;
  });
  if (wrong.length === 0) return;
  throw new Error(
    `Counters in ${host.namespace} do not add up: ${wrong.join("; ")}`,
  );
}

async function wrongAmong(client: IpcClient): Promise<string[]> {
  const options = { timeout: patient(REPLY_LIMIT_MS) };
  const records = await client.call("stats", {}, options);
  return records.flatMap((record) =>
    wrongSums(allStatistics(record)).map((text) => `${record.ifname}: ${text}`)
  );
}
