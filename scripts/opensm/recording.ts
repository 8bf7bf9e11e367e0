/** Records OpenSM's answers and partition tables; the formats and paths of the recordings. */

import { patient } from "../machine.ts";
import { MANAGER_LID, PARTITIONS } from "./fabric.ts";
import { readGroups, readPkeys, type RecordedGroup } from "./read.ts";
import { requests } from "./requests.ts";
import { managerVersion, Simulator } from "./simulator.ts";

/** Folder of the recordings. */
export const GOLDEN = new URL("../../tests/golden/opensm/", import.meta.url);
export const REQUESTS_FILE = "requests.json";
export const PARTITIONS_FILE = "partitions.json";
const WAIT_MS = 300;
/** Offset from which the simulator truncates answers; the bytes after it are stale memory. */
const CUT = 224;

/** A request and its answer in hexadecimal, without zero bytes at the end. */
export interface Exchange {
  name: string;
  port: number;
  request: string;
  /** null if no answer arrived. */
  answer: string | null;
}

/** Recording of all requests, with the partitions of the fabric. */
export interface RequestRecording {
  /** Name and version of the subnet manager. */
  recorded: string;
  partitions: string;
  exchanges: Exchange[];
}

/** Result of a partitions.conf. */
export interface PartitionsResult {
  /** Name of the file, or null for the result without a file. */
  file: string | null;
  /** True if OpenSM fell back to its defaults. */
  rejected: boolean;
  /** P_Key tables of the manager's port and the four ports. */
  pkeys: number[][];
  groups: RecordedGroup[];
}

/** Recording of all files. */
export interface PartitionsRecording {
  recorded: string;
  results: PartitionsResult[];
}

/** Sends all requests of requests.ts to OpenSM and records the answers. */
export async function recordRequests(): Promise<RequestRecording> {
  const simulator = await Simulator.start();
  try {
    await simulator.startManager({ partitions: PARTITIONS });
    const exchanges: Exchange[] = [];
    for (const { name, port, mad } of requests()) {
      const answer = await simulator.client(port).exchange(
        MANAGER_LID,
        mad,
        patient(WAIT_MS),
      );
      // The MAD layer owns the high half of the TransactionID.
      answer?.fill(0, 8, 12).fill(0, CUT);
      exchanges.push({
        name,
        port,
        request: trimmed(mad),
        answer: answer ? trimmed(answer) : null,
      });
    }
    const recorded = await managerVersion();
    return { recorded, partitions: PARTITIONS, exchanges };
  } finally {
    await simulator.stop();
  }
}

/** Starts OpenSM with each .conf file of the partitions folder, then without a file, and records the results. */
export async function recordPartitions(): Promise<PartitionsRecording> {
  const folder = new URL("partitions/", GOLDEN);
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".conf")) names.push(name);
  }
  const results: PartitionsResult[] = [];
  for (const file of [...names.sort(), null]) {
    // OpenSM keeps the P_Key positions of an existing table, so each file gets a new fabric.
    const simulator = await Simulator.start();
    try {
      await simulator.startManager(
        file === null
          ? {}
          : { partitions: await Deno.readTextFile(new URL(file, folder)) },
      );
      results.push({
        file,
        rejected: await simulator.partitionsRejected(),
        pkeys: await readPkeys(simulator),
        groups: await readGroups(simulator),
      });
    } finally {
      await simulator.stop();
    }
  }
  return { recorded: await managerVersion(), results };
}

function trimmed(mad: Uint8Array): string {
  return mad.toHex().replace(/(00)+$/, "");
}
