/** Captures of hosts with `ipoib capture`. */

import { programCommand } from "../../../scripts/program.ts";
import type { Host } from "./host.ts";
import type { Program } from "./program.ts";

/** Starts a capture of ib0 on a host and waits until it runs. */
export async function startCapture(
  host: Host,
  ...words: string[]
): Promise<Program> {
  const program = host.lab.start([
    ...programCommand(),
    ...["capture", "ib0", "-n", host.namespace, ...words],
  ]);
  await program.prints(/capturing on ib0/);
  return program;
}

/** Ends a capture with a signal. Returns its output. Throws if it fails. */
export async function stopCapture(
  program: Program,
  signal: Deno.Signal = "SIGINT",
): Promise<string> {
  program.kill(signal);
  const code = await program.exit();
  if (code === 0) return program.output;
  throw new Error(`${program.title}: exit code ${code}\n${program.output}`);
}
