/** Files of `ipoib capture`, decoded by tshark. */

import { must, run } from "./e2e/harness/command.ts";

/** Checksums are verified, and TCP sequence numbers are not analysed: both edges show each segment. */
const TSHARK = [
  ...["tshark", "-n", "-o", "ip.check_checksum:TRUE"],
  ...["-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"],
  ...["-o", "tcp.analyze_sequence_numbers:FALSE"],
];

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
