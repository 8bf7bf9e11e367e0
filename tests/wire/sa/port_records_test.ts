import { assertEquals } from "@std/assert";
import {
  componentsMatch,
  consecutive,
} from "../../../src/wire/sa/components.ts";
import { NodeRecord, NodeType } from "../../../src/wire/sa/node_record.ts";
import { PkeyTableRecord } from "../../../src/wire/sa/pkey_table_record.ts";
import {
  PortInfoRecord,
  PortState,
} from "../../../src/wire/sa/port_info_record.ts";

Deno.test("componentsMatch() compares what the mask names, bit by bit", () => {
  const layout = consecutive([4, 3, 9]);
  assertEquals(layout, [[0, 4], [4, 3], [7, 9]]);
  const [a, b] = [Uint8Array.of(0xa5, 0x77), Uint8Array.of(0xad, 0x77)];
  assertEquals(componentsMatch(layout, a, b, 0b101n), true);
  assertEquals(componentsMatch(layout, a, b, 0b010n), false);
  assertEquals(componentsMatch([undefined], a, b, 1n), true);
});

Deno.test("NodeRecord reads what it writes", () => {
  const record: NodeRecord = {
    lid: 3,
    nodeType: NodeType.ChannelAdapter,
    numPorts: 1,
    systemGuid: 1n,
    nodeGuid: 2n,
    portGuid: 0xffff_ffff_0000_0003n,
    partitionCap: 64,
    deviceId: 4,
    revision: 5,
    localPort: 1,
    vendorId: 0xabcdef,
    description: "ib0",
  };
  const bytes = NodeRecord.emit(record);
  assertEquals(bytes.length, 108);
  assertEquals(bytes.slice(0, 8), Uint8Array.of(0, 3, 0, 0, 1, 1, 1, 1));
  assertEquals(NodeRecord.parse(bytes), record);
  assertEquals(NodeRecord.parse(bytes.slice(1)), undefined);
  const full = NodeRecord.emit({ ...record, description: "x".repeat(80) });
  assertEquals(NodeRecord.parse(full)!.description.length, 64);
  assertEquals(NodeRecord.COMPONENTS.length, 15);
  assertEquals(NodeRecord.COMPONENTS[14], [44 * 8, 512]);
});

Deno.test("PkeyTableRecord reads what it writes", () => {
  const record = { lid: 2, block: 1, portNumber: 1, pkeys: [0xffff, 0x8001] };
  const bytes = PkeyTableRecord.emit(record);
  assertEquals(
    bytes.slice(0, 12),
    Uint8Array.of(
      ...[0, 2, 0, 1, 1, 0, 0, 0, 0xff, 0xff, 0x80, 0x01],
    ),
  );
  const read = PkeyTableRecord.parse(bytes)!;
  assertEquals(read, {
    ...record,
    pkeys: [...record.pkeys, ...Array(30).fill(0)],
  });
  assertEquals(PkeyTableRecord.parse(bytes.slice(1)), undefined);
});

Deno.test("PortInfoRecord has LID, state and MTU where PortInfo has them", () => {
  const bytes = PortInfoRecord.emit({
    lid: 7,
    portNumber: 1,
    gidPrefix: 0xfe80000000000000n,
    smLid: 1,
    capabilityMask: 0x02000000,
    linkWidth: 2,
    linkSpeed: 7,
    linkSpeedExt: 2,
    state: PortState.Active,
    mtu: 5,
    subnetTimeout: 18,
    respTimeValue: 16,
  });
  assertEquals(bytes.length, 68);
  assertEquals(bytes.slice(20, 28), Uint8Array.of(0, 7, 0, 1, 2, 0, 0, 0));
  assertEquals([bytes[36], bytes[37], bytes[40]], [0x74, 0x50, 0x50]);
  // The components end with the record.
  assertEquals(PortInfoRecord.COMPONENTS.at(-1), [67 * 8 + 3, 5]);
  assertEquals(PortInfoRecord.COMPONENTS[31], [45 * 8 + 4, 4]);
  assertEquals(PortInfoRecord.COMPONENTS[7], [24 * 8, 32]);
});
