/** Captures of hosts with `ipoib capture`, read with tshark. */

import { programCommand } from "../../../scripts/program.ts";
import { must, run } from "./command.ts";
import type { Host } from "./host.ts";
import type { Program } from "./program.ts";

/** Checksums are verified, and TCP sequence numbers are not analysed: both edges show each segment. */
const TSHARK = [
  ...["tshark", "-n", "-o", "ip.check_checksum:TRUE"],
  ...["-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"],
  ...["-o", "tcp.analyze_sequence_numbers:FALSE"],
];

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

/** Runs tshark on a file and returns its output. */
export async function readCapture(
  path: string,
  ...words: string[]
): Promise<string> {
  return await must([...TSHARK, "-r", path, ...words]);
}

/** Returns the values of fields by packet, of the packets that match a display filter. */
export async function captureFields(
  path: string,
  filter: string,
  ...names: string[]
): Promise<string[][]> {
  const text = await readCapture(
    path,
    ...["-Y", filter, "-T", "fields", "-E", "occurrence=f"],
    ...names.flatMap((name) => ["-e", name]),
  );
  return text.split("\n").filter((line) => line !== "")
    .map((line) => line.split("\t"));
}

/**
 * Returns the summaries of tshark's expert information of severity warning or error, except those of TCP's sequences,
 * which are about the hosts and not about the capture.
 */
export async function expertProblems(path: string): Promise<string[]> {
  const { stdout } = await run([
    ...[...TSHARK, "-r", path, "-q", "-z", "expert,warn"],
  ]);
  return stdout.split("\n").filter((line) =>
    /^ +\d/.test(line) && !/ Sequence +TCP /.test(line)
  );
}
