/** What is recorded of OpenSM, and where it is kept. */

import { patient } from "../machine.ts";
import { MANAGER_LID } from "./fabric.ts";
import { readGroups, readPkeys, type RecordedGroup } from "./read.ts";
import { PARTITIONS, requests } from "./requests.ts";
import { managerVersion, Simulator } from "./simulator.ts";

/** The folder of the recordings. */
export const GOLDEN = new URL("../../tests/golden/opensm/", import.meta.url);
export const REQUESTS_FILE = "requests.json";
export const PARTITIONS_FILE = "partitions.json";
const WAIT_MS = 300;
/** The simulator cuts answers off here, and leaves behind it what was in its memory. */
const CUT = 224;

/** One request and what came back, in hexadecimal. Bytes left out at the end are zero. */
export interface Exchange {
  name: string;
  port: number;
  request: string;
  /** null: there was no answer. */
  answer: string | null;
}

/** All requests, in the partitions that they were made in. */
export interface RequestRecording {
  /** The program and its version. */
  recorded: string;
  partitions: string;
  exchanges: Exchange[];
}

/** What came of a partitions.conf. */
export interface PartitionsResult {
  /** null: there was no file. */
  file: string | null;
  /** True if OpenSM fell back to its defaults. */
  rejected: boolean;
  /** P_Key tables of the manager's port and of the four ports. */
  pkeys: number[][];
  groups: RecordedGroup[];
}

/** The results of all files. */
export interface PartitionsRecording {
  recorded: string;
  results: PartitionsResult[];
}

/** Asks OpenSM everything that is in requests.ts. */
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
      // The high half of the TransactionID is the MAD layer's.
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

/** Gives OpenSM each partitions.conf of the recordings' folder, and none. */
export async function recordPartitions(): Promise<PartitionsRecording> {
  const folder = new URL("partitions/", GOLDEN);
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".conf")) names.push(name);
  }
  const results: PartitionsResult[] = [];
  for (const file of [...names.sort(), null]) {
    // The tables of a fabric that ran before would decide where P_Keys stand.
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
