/** The embedded subnet of a lab: hosts with fixed port GUIDs, faults, and the process of the manager. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Fd } from "../../../src/system/fd.ts";
import { tryLock } from "../../../src/system/lock.ts";
import type { Outcome } from "./command.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import { until } from "./until.ts";

/** Port GUIDs of two hosts. */
export const GUIDS = ["0x0200000000000a01", "0x0200000000000a02"] as const;

/** Starts two hosts that reach each other, with the same port GUIDs in every lab. */
export async function fixedPair(lab: Lab): Promise<[Host, Host]> {
  const hosts = await lab.hosts(2);
  await Promise.all(
    hosts.map((host, i) => host.up({ args: ["--guid", GUIDS[i]!] })),
  );
  const [a, b] = hosts;
  await untilConnected(a, b);
  return [a, b];
}

/** Waits until each host reaches the other. */
export async function untilConnected(a: Host, b: Host): Promise<void> {
  await until("a to reach b", () => a.reaches(b));
  await until("b to reach a", () => b.reaches(a));
}

/** What `ipoib subnet fault` prints while ports have not applied the rules. */
const WAITING = /^not yet applied by ib\d+ \(lid .*\n$/;

/**
 * Runs `ipoib subnet fault WORDS...`, which must succeed and print nothing, or the ports that have not applied the rules
 * yet. Waits until these have applied them.
 */
export async function fault(lab: Lab, ...words: string[]): Promise<void> {
  const { code, stdout, stderr } = await lab.ipoib("subnet", "fault", ...words);
  assertEquals([code, stdout], [0, ""], stderr);
  if (stderr === "") return;
  assertMatch(stderr, WAITING);
  await until(
    `the ports to apply: ${words.join(" ")}`,
    async () => (await waitingLids(lab)).length === 0,
  );
}

/** Returns the LIDs of the ports that have not applied the packet faults. */
export async function waitingLids(lab: Lab): Promise<number[]> {
  const { code, stdout, stderr } = await lab.ipoib("-j", "subnet", "fault");
  assertEquals(code, 0, stderr);
  const [{ waiting }] = JSON.parse(stdout) as [{ waiting: { lid: number }[] }];
  return waiting.map(({ lid }) => lid);
}

/**
 * Prevents that another process replaces a manager of the default subnet that does not answer, which it does after 8 to
 * 10 s at any machine speed. Disposal ends it.
 */
export function holdTakeover({ runtime }: Lab): Fd {
  const lock = tryLock(`${runtime}/subnet/default/takeover.lock`);
  assert(lock, "A process takes over the subnet");
  return lock;
}

/** Returns the PID of the process that hosts the manager, or undefined if no manager replies. */
export async function managerPid(
  at: { ipoib(...words: string[]): Promise<Outcome> },
): Promise<number | undefined> {
  const { code, stdout } = await at.ipoib("-j", "subnet", "show");
  return code === 0 ? JSON.parse(stdout)[0].manager.pid : undefined;
}
