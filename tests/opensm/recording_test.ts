/** Compares the installed OpenSM, under ibsim, with its recordings. */

import { assertEquals } from "@std/assert";
import {
  GOLDEN,
  PARTITIONS_FILE,
  type PartitionsRecording,
  recordPartitions,
  recordRequests,
  type RequestRecording,
  REQUESTS_FILE,
} from "../../scripts/opensm/recording.ts";
import { missingPrograms } from "../../scripts/opensm/simulator.ts";

const missing = await missingPrograms();
const ignore = missing.length > 0;
const skipped = ignore
  ? ` (skipped: needs the Debian packages ${missing.join(" ")})`
  : "";

async function golden<T>(name: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(new URL(name, GOLDEN)));
}

Deno.test({
  name: `OpenSM answers every request as recorded${skipped}`,
  ignore,
  async fn() {
    const before = await golden<RequestRecording>(REQUESTS_FILE);
    const now = await recordRequests();
    assertEquals(now.partitions, before.partitions);
    assertEquals(now.exchanges, before.exchanges);
  },
});

Deno.test({
  name: `OpenSM configures every partitions.conf as recorded${skipped}`,
  ignore,
  async fn() {
    const before = await golden<PartitionsRecording>(PARTITIONS_FILE);
    assertEquals((await recordPartitions()).results, before.results);
  },
});
