/**
 * Records OpenSM's answers in tests/golden/opensm: `deno task record-opensm`.
 *
 * Needs the Debian packages opensm, ibsim-utils and libumad2sim0. The tests that compare the embedded subnet with the
 * recordings do not need them. Review the diff before you commit a new recording.
 */

import {
  GOLDEN,
  PARTITIONS_FILE,
  recordPartitions,
  recordRequests,
  REQUESTS_FILE,
} from "./recording.ts";
import { missingPrograms } from "./simulator.ts";

async function write(name: string, value: unknown): Promise<void> {
  const text = JSON.stringify(value, null, 1);
  await Deno.writeTextFile(new URL(name, GOLDEN), `${text}\n`);
}

const missing = await missingPrograms();
if (missing.length > 0) {
  const text = `Cannot record: install the Debian packages ${
    missing.join(", ")
  }\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(text));
  Deno.exit(1);
}
await write(PARTITIONS_FILE, await recordPartitions());
await write(REQUESTS_FILE, await recordRequests());
