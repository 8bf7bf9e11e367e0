/** Collects the facts about an embedded subnet from its manager. */

import { IpoibError } from "../../base/errors.ts";
import { IpcClient } from "../../ipc/client.ts";
import { subnetSocketPath } from "../../ipc/locate.ts";
import type { SubnetFacts } from "../facts.ts";
import { factOf, reasonOf } from "./fact.ts";
import type { SubnetRecord } from "../../ipc/schema.ts";
import { listenerPid } from "../../system/peer_credentials.ts";
import { isStopped, stoppedProcess } from "./silent_process.ts";

/** Throws nothing: a manager that does not answer is a fact. */
export async function gatherSubnet(
  runtime: string,
  name: string,
  limitMs: number,
): Promise<SubnetFacts> {
  const timeout = { timeout: limitMs };
  const path = subnetSocketPath(runtime, name);
  try {
    using client = await IpcClient.connect(path, "the manager");
    const record = withOurPids(
      await client.call("subnet.show", {}, timeout),
      listenerPid(path),
    );
    const pids = [record.manager, ...record.ports].map(({ pid }) => pid);
    return {
      name,
      refusal: undefined,
      record: { value: record },
      faults: await factOf(() => client.call("subnet.fault.show", {}, timeout)),
      stoppedPids: [...new Set(pids)].filter(isStopped),
    };
  } catch (error) {
    const cause = IpoibError.from(error);
    const refusal = cause.code === "E_IPC_PERMISSION" ? cause : undefined;
    const stopped = stoppedProcess(path);
    const why = stopped
      ? `the manager does not answer: ${stopped.message} (${stopped.hint})`
      : reasonOf(cause);
    return { name, refusal, record: { why }, faults: { why }, stoppedPids: [] };
  }
}

/**
 * Returns the record with PIDs of the PID namespace of this process: if the manager has another PID here, those of the
 * ports are not known.
 *
 * @param pid the PID of the manager as this process sees it
 */
function withOurPids(record: SubnetRecord, pid = 0): SubnetRecord {
  const { manager, ports } = record;
  return manager.pid === pid ? record : {
    ...record,
    manager: { ...manager, pid },
    ports: ports.map((port) => ({ ...port, pid: 0 })),
  };
}
