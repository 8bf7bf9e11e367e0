/** Collects the facts about an embedded subnet from its manager. */

import { IpcClient } from "../../ipc/client.ts";
import { subnetSocketPath } from "../../ipc/locate.ts";
import { readSmallFile } from "../../system/read_files.ts";
import type { SubnetFacts } from "../facts.ts";
import { factOf, reasonOf } from "./fact.ts";

/** Throws nothing: a manager that does not answer is a fact. */
export async function gatherSubnet(
  runtime: string,
  name: string,
  limitMs: number,
): Promise<SubnetFacts> {
  const timeout = { timeout: limitMs };
  try {
    using client = await IpcClient.connect(
      subnetSocketPath(runtime, name),
      "the manager",
    );
    const record = await factOf(() => client.call("subnet.show", {}, timeout));
    if (!("value" in record)) return unanswered(name, record.why);
    const pids = [
      record.value.manager.pid,
      ...record.value.ports.map(({ pid }) => pid),
    ];
    return {
      name,
      record,
      faults: await factOf(() => client.call("subnet.fault.show", {}, timeout)),
      stoppedPids: [...new Set(pids)].filter(isStopped),
    };
  } catch (error) {
    return unanswered(name, reasonOf(error));
  }
}

function unanswered(name: string, why: string): SubnetFacts {
  const silent = { why: "the manager does not answer" };
  return { name, record: { why }, faults: silent, stoppedPids: [] };
}

/** True if a signal has stopped the process (proc(5), field `state`). */
function isStopped(pid: number): boolean {
  // The state follows the name in parentheses, which may contain any character.
  const text = readSmallFile(`/proc/${pid}/stat`) ?? "";
  return /^[Tt]/.test(text.slice(text.lastIndexOf(")") + 2));
}
