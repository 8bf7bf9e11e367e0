/** Decodes packets in wire format with tshark. */

import { ERF_HEADER_LENGTH, writeErfHeader } from "../../src/wire/erf.ts";
import {
  interfaceDescription,
  LinkType,
  sectionHeader,
  writePacketBlock,
} from "../../src/wire/pcapng.ts";
import { testWhere } from "../test_where.ts";

const PROGRAM = "tshark";
/** Bytes of a packet's block besides the packet. */
const MAX_BLOCK_OVERHEAD = 64;

/** Runs tshark on a capture of the packets, which start with the LRH. Returns its output. */
export async function tshark(
  frames: readonly Uint8Array[],
  ...args: string[]
): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: ".pcapng" });
  try {
    using file = await Deno.open(path, { write: true });
    file.writeSync(sectionHeader("ipoib"));
    const linkType = LinkType.Erf;
    file.writeSync(
      interfaceDescription({ linkType, name: "ib0", snapLength: 0 }),
    );
    for (const [i, frame] of frames.entries()) {
      const seconds = 1_700_000_000 + i;
      const { length } = frame;
      const bytes = new Uint8Array(ERF_HEADER_LENGTH + length);
      const view = new DataView(bytes.buffer);
      writeErfHeader(view, 0, seconds, 0, length, length);
      bytes.set(frame, ERF_HEADER_LENGTH);
      const block = new Uint8Array(bytes.length + MAX_BLOCK_OVERHEAD);
      const end = writePacketBlock(block, new DataView(block.buffer), 0, {
        interfaceId: 0,
        seconds,
        nanoseconds: 0,
        bytes,
        length: bytes.length,
        direction: "outbound",
      });
      file.writeSync(block.subarray(0, end));
    }
    const { success, stdout, stderr } = await new Deno.Command(PROGRAM, {
      args: ["-n", "-o", "ip.check_checksum:TRUE", "-r", path, ...args],
      stdout: "piped",
      stderr: "piped",
    }).output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(decoder.decode(stderr));
    return decoder.decode(stdout);
  } finally {
    await Deno.remove(path);
  }
}

/** Returns the values of the fields by packet; the first value of a field that occurs several times. */
export async function tsharkFields(
  frames: readonly Uint8Array[],
  ...names: string[]
): Promise<string[][]> {
  const options = names.flatMap((name) => ["-e", name]);
  const text = await tshark(
    frames,
    ...["-T", "fields", "-E", "occurrence=f", ...options],
  );
  return text.replace(/\n$/, "").split("\n").map((line) => line.split("\t"));
}

/** Returns why tshark cannot be used, or undefined. */
async function missingTshark(): Promise<string | undefined> {
  try {
    const command = new Deno.Command(PROGRAM, {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    });
    return (await command.output()).success ? undefined : "tshark fails";
  } catch {
    return "tshark is not on PATH";
  }
}

const missing = await missingTshark();

/** Registers a test that is skipped without tshark. */
export function tsharkTest(name: string, fn: () => Promise<void>): void {
  testWhere(missing, name, fn);
}
