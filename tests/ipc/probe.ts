/** A handler for the servers of tests, and an assertion that a server answers it. */

import { assertEquals } from "@std/assert";
import type { IpcClient } from "../../src/ipc/client.ts";
import type { Handlers } from "../../src/ipc/server.ts";

const RECORD = { "rx-usecs": 7, "rx-frames": 0, "adaptive-rx": 0 };

export const probe = {
  "coalesce.get": () => RECORD,
} satisfies Handlers;

/** Asserts that the server replies to a call of {@linkcode probe}. */
export async function assertAnswers(client: IpcClient): Promise<void> {
  assertEquals(await client.call("coalesce.get", {}), RECORD);
}
