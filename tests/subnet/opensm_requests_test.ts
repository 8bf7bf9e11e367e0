/**
 * Compares the embedded administrator with OpenSM for each recorded request (scripts/opensm/record.ts): status and
 * bytes of the responses must be equal, except for the deviations listed here.
 */

import { assert, assertEquals } from "@std/assert";
import type { RequestRecording } from "../../scripts/opensm/recording.ts";
import { parsePartitionsConf } from "../../src/subnet/partitions_conf.ts";
import { MadView, Method } from "../../src/wire/mad.ts";
import { RecordedFabric } from "./recorded_fabric.ts";

const golden: RequestRecording = JSON.parse(
  await Deno.readTextFile(
    new URL("../golden/opensm/requests.json", import.meta.url),
  ),
);

/** Offset of the attribute data. */
const DATA = 56;
/** Length to which the simulator truncates responses. */
const CUT = 224;
/** Bytes of a table that are not compared: the RMPP header, which OpenSM leaves to the MAD layer. */
const RMPP = [24, 36];

/** A difference from OpenSM's response: ranges of bytes of the attribute data, or another status. */
interface Deviation {
  reason: string;
  data?: [number, number][];
  /** Status of the embedded administrator, or undefined for no response. */
  status?: number | undefined;
}

const CAPABILITIES: Deviation = {
  reason: "OpenSM announces capabilities that are not implemented here",
  data: [[2, 7]],
};
const NODE: Deviation = {
  reason: "the simulator's nodes have different GUIDs, ports, names and " +
    "revisions",
  data: [[7, 8], [15, 16], [23, 24], [33, 34], [39, 40], [44, 108]],
};
const PORT_INFO: Deviation = {
  reason: "the simulator's ports have different capabilities, lanes and " +
    "timers; LIDs, prefix, state and MTU are compared",
  data: [
    ...[[24, 28], [30, 32], [33, 36], [37, 38], [39, 40], [41, 45]],
    ...[[46, 68]],
  ] as [number, number][],
};

const DEVIATIONS: Record<string, Deviation> = {
  "Get(ClassPortInfo)": CAPABILITIES,
  "an attribute modifier": CAPABILITIES,
  "class version 1": {
    reason: "on a fabric the kernel does not pass such MADs to OpenSM, but " +
      "the simulator does; IBTA vol. 1 13.4.7 defines a status for them",
    status: 0x0004,
  },
  "path without a source": {
    reason: "the simulator's switch port 0 has MTU 1024 and 10 Gb/s",
    data: [[54, 56]],
  },
  "one member with the SM_Key": {
    reason: "OpenSM sets the wrong bit for ProxyJoin",
    data: [[49, 50]],
  },
  "leave as member, stay as sender": {
    reason: "OpenSM counts full members only, and deletes the send-only full " +
      "member, which keeps the group alive",
    data: [[48, 49]],
  },
  "Get(MultiPathRecord)": {
    reason: "MultiPathRecord is not implemented",
    status: undefined,
  },
  "Get(NodeRecord) of a port": NODE,
  "Get(NodeRecord) of the manager": NODE,
  "GetTable(NodeRecord) of a port": NODE,
  "Get(PortInfoRecord) of a port": PORT_INFO,
  "GetTable(PortInfoRecord) of a port": PORT_INFO,
  "Get(PortInfoRecord) of the manager": {
    reason: "the embedded switch has a record of port 0 only",
    status: 0,
  },
};

Deno.test("the responses to all recorded requests equal OpenSM's, except for the deviations", () => {
  const { partitions } = parsePartitionsConf(golden.partitions);
  const fabric = new RecordedFabric(partitions);
  assert(golden.exchanges.length >= 40);
  const differences: string[] = [];
  for (const { name, port, request, answer } of golden.exchanges) {
    const recorded = answer === null ? undefined : bytes(answer);
    const ours = fabric.exchange(port, bytes(request));
    const deviation = DEVIATIONS[name];
    if (deviation !== undefined && "status" in deviation) {
      assertEquals(ours && statusOf(ours), deviation.status, name);
      assert(
        (recorded && statusOf(recorded)) !== deviation.status,
        `${name} is no longer a deviation`,
      );
      continue;
    }
    const differing = difference(recorded, ours);
    if (deviation === undefined) {
      if (differing !== "") differences.push(`${name}: ${differing}`);
      continue;
    }
    assert(differing !== "", `${name} is no longer a deviation`);
    for (const [begin, end] of deviation.data!) {
      recorded!.fill(0, DATA + begin, DATA + end);
      ours!.fill(0, DATA + begin, DATA + end);
    }
    assertEquals(difference(recorded, ours), "", name);
  }
  assertEquals(differences, []);
});

Deno.test("every deviation names a recorded request", () => {
  const names = new Set(golden.exchanges.map(({ name }) => name));
  assertEquals(names.size, golden.exchanges.length);
  for (const name of Object.keys(DEVIATIONS)) assert(names.has(name), name);
});

function bytes(hexadecimal: string): Uint8Array {
  const mad = new Uint8Array(256);
  mad.set(Uint8Array.fromHex(hexadecimal));
  return mad;
}

function statusOf(mad: Uint8Array): number {
  return MadView.of(mad).status;
}

/** Returns the bytes that differ, as text, or an empty string. */
function difference(
  recorded: Uint8Array | undefined,
  ours: Uint8Array | undefined,
): string {
  if (recorded === undefined || ours === undefined) {
    return recorded === ours
      ? ""
      : `response from ${recorded ? "OpenSM" : "the embedded manager"} only`;
  }
  const found: string[] = [];
  const table = recorded[3] === Method.GetTableResp;
  for (let i = 0; i < CUT; i++) {
    if (table && i >= RMPP[0]! && i < RMPP[1]!) continue;
    if (recorded[i] !== ours[i]) found.push(`${i}: ${recorded[i]}/${ours[i]}`);
  }
  return found.join(" ");
}
