/**
 * Records how OpenSM answers: `deno run -A scripts/opensm/record.ts`.
 *
 * Needs the Debian packages opensm, ibsim-utils and libumad2sim0. Writes tests/golden/opensm; the tests that
 * hold the embedded subnet against it need none of these. Diff the result before committing it.
 */

import { MANAGER_LID } from "./fabric.ts";
import { readGroups, readPkeys } from "./read.ts";
import { PARTITIONS, requests } from "./requests.ts";
import { managerVersion, missingPrograms, Simulator } from "./simulator.ts";

const GOLDEN = new URL("../../tests/golden/opensm/", import.meta.url);
const WAIT_MS = 300;
/** The simulator cuts answers off here, and leaves behind it what was in its memory. */
const CUT = 224;

/** One request and what came back. Octets left out at the end are zero. */
interface Exchange {
  name: string;
  port: number;
  request: string;
  answer: string | null;
}

async function recordRequests(simulator: Simulator): Promise<void> {
  await simulator.startManager(PARTITIONS);
  const exchanges: Exchange[] = [];
  for (const { name, port, mad } of requests()) {
    const answer = await simulator.client(port).exchange(
      MANAGER_LID,
      mad,
      WAIT_MS,
    );
    // The high half of the TransactionID is the MAD layer's; what is behind is nobody's.
    answer?.fill(0, 8, 12).fill(0, CUT);
    exchanges.push({
      name,
      port,
      request: trimmed(mad),
      answer: answer ? trimmed(answer) : null,
    });
  }
  await simulator.stopManager();
  await write("requests.json", {
    recorded: await managerVersion(),
    partitions: PARTITIONS,
    exchanges,
  });
}

/** The P_Key tables and the groups that come of each partitions.conf, and of none. */
async function recordPartitions(): Promise<void> {
  const folder = new URL("partitions/", GOLDEN);
  const names: (string | undefined)[] = [undefined];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".conf")) names.push(name);
  }
  const results = [];
  for (const name of names.sort()) {
    // The tables of a fabric that ran before would decide where P_Keys stand.
    const simulator = await Simulator.start();
    try {
      await simulator.startManager(
        name && await Deno.readTextFile(new URL(name, folder)),
      );
      results.push({
        file: name ?? null,
        rejected: await simulator.partitionsRejected(),
        pkeys: await readPkeys(simulator),
        groups: await readGroups(simulator),
      });
    } finally {
      await simulator.stop();
    }
  }
  await write("partitions.json", {
    recorded: await managerVersion(),
    results,
  });
}

function trimmed(mad: Uint8Array): string {
  return mad.toHex().replace(/(00)+$/, "");
}

async function write(name: string, value: unknown): Promise<void> {
  await Deno.mkdir(GOLDEN, { recursive: true });
  const text = JSON.stringify(value, null, 1);
  await Deno.writeTextFile(new URL(name, GOLDEN), `${text}\n`);
}

const missing = await missingPrograms();
if (missing.length > 0) {
  Deno.stderr.writeSync(
    new TextEncoder().encode(
      `Cannot record: install the packages ${missing.join(", ")}\n`,
    ),
  );
  Deno.exit(1);
}
await recordPartitions();
const simulator = await Simulator.start();
try {
  await recordRequests(simulator);
} finally {
  await simulator.stop();
}
