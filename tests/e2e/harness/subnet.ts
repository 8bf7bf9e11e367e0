/** The embedded subnet of a lab: hosts with fixed port GUIDs, faults, and the process of the manager. */

import { assertEquals } from "@std/assert";
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

/** Runs `ipoib subnet fault WORDS...`, which must succeed and print nothing. */
export async function fault(lab: Lab, ...words: string[]): Promise<void> {
  const { code, stdout, stderr } = await lab.ipoib("subnet", "fault", ...words);
  assertEquals([code, stdout, stderr], [0, "", ""]);
}

/** Returns the PID of the process that hosts the manager, or undefined if no manager replies. */
export async function managerPid(
  at: { ipoib(...words: string[]): Promise<Outcome> },
): Promise<number | undefined> {
  const { code, stdout } = await at.ipoib("-j", "subnet", "show");
  return code === 0 ? JSON.parse(stdout)[0].manager.pid : undefined;
}
