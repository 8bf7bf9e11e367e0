/** A few rounds of `deno task torture kill`. */

import { assertEquals } from "@std/assert";
import { DISTURBANCES } from "../../scripts/torture/kill/disturbances.ts";
import { Arena } from "../../scripts/torture/kill/rounds.ts";
import { random } from "../wire/support.ts";

const SEED = 1;
/** One of each kind that leaves somebody undisturbed. */
const KINDS = [
  "kill a node",
  "kill the manager",
  "kill both",
  "stop the manager",
  "kill a node, the manager is stopped",
  "kill the manager's thread",
];

async function rounds(arena: Arena, kinds: readonly string[]): Promise<void> {
  for (const kind of DISTURBANCES) {
    if (!kinds.includes(kind.name)) continue;
    const { failures } = await arena.round(kind);
    assertEquals([kind.name, failures], [kind.name, []]);
  }
}

Deno.test("traffic is back within five seconds of kill -9 and of SIGSTOP, and all of it is right", async () => {
  await using arena = await Arena.open(random(SEED), false);
  await rounds(arena, KINDS);
});

Deno.test("interfaces with a GUID of their own come back at once when the manager was killed with them", async () => {
  await using arena = await Arena.open(random(SEED), true);
  await rounds(arena, ["kill both"]);
});

Deno.test("what was killed has left nothing when the last one is taken down", async () => {
  await using arena = await Arena.open(random(SEED), false);
  await rounds(arena, ["kill both in turn"]);
  assertEquals(await arena.end(), []);
});
