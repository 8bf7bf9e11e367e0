/** A few rounds of `deno task torture kill`. */

import { assertEquals, assertExists } from "@std/assert";
import { DISTURBANCES } from "../../scripts/torture/kill/disturbances.ts";
import { Arena } from "../../scripts/torture/kill/rounds.ts";
import { random } from "../wire/support.ts";

const SEED = 1;
/** One disturbance of each kind that leaves a node undisturbed. */
const KINDS = [
  "kill a node",
  "kill the manager",
  "kill both",
  "stop the manager",
  "kill a node, the manager is stopped",
  "kill the manager's thread",
];

async function rounds(arena: Arena, kinds: readonly string[]): Promise<void> {
  for (const name of kinds) {
    const kind = DISTURBANCES.find((each) => each.name === name);
    assertExists(kind, name);
    const { failures } = await arena.round(kind);
    assertEquals([name, failures], [name, []]);
  }
}

Deno.test("traffic resumes without corruption within five seconds after SIGKILL or SIGSTOP", async () => {
  await using arena = await Arena.open(random(SEED), false);
  await rounds(arena, KINDS);
});

Deno.test("interfaces with fixed GUIDs resume at once after SIGKILL together with the subnet manager", async () => {
  await using arena = await Arena.open(random(SEED), true);
  await rounds(arena, ["kill both"]);
});

Deno.test("killed processes leave no files after the last interface is taken down", async () => {
  await using arena = await Arena.open(random(SEED), false);
  await rounds(arena, ["kill both in turn"]);
  assertEquals(await arena.end(), []);
});
