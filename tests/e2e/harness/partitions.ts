/** Stand-alone subnet managers, also with a partitions.conf, and child interfaces on partitions. */

import { assertEquals } from "@std/assert";
import { programCommand } from "../../../scripts/program.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import type { Program } from "./program.ts";

/** Starts a stand-alone manager, and waits until it runs. */
export async function startManager(
  lab: Lab,
  ...args: string[]
): Promise<Program> {
  const program = lab.start([...programCommand(), "subnet", "run", ...args]);
  await program.prints(/subnet manager running/);
  return program;
}

/** Starts a stand-alone manager with a partitions.conf of this text. Returns it and the path of the file. */
export async function startPartitions(
  lab: Lab,
  text: string,
): Promise<[Program, string]> {
  const file = `${lab.runtime}/test.conf`;
  await Deno.writeTextFile(file, text);
  return [await startManager(lab, "--partitions", file), file];
}

/** Creates `ib0.<pkey>`, sets it up and assigns its address. Returns its name. Does not wait until it runs. */
export async function createChild(
  host: Host,
  pkey: string,
  address: string,
): Promise<string> {
  const created = await host.ipoib("child", "create", pkey);
  assertEquals([created.code, created.stderr], [0, ""]);
  const name = created.stdout.trim();
  await host.ip("link", "set", name, "up");
  await host.ip("addr", "add", address, "dev", name);
  return name;
}
