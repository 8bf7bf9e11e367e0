import { assertEquals } from "@std/assert";
import {
  componentsMatch,
  consecutive,
} from "../../../src/wire/sa/components.ts";
import { NodeRecord, NodeType } from "../../../src/wire/sa/node_record.ts";
import { PkeyTableRecord } from "../../../src/wire/sa/pkey_table_record.ts";
import { PortInfoRecord } from "../../../src/wire/sa/port_info_record.ts";
import { hex } from "../support.ts";

Deno.test("componentsMatch() compares the components in the mask, bit by bit", () => {
  const layout = consecutive([4, 3, 9]);
  assertEquals(layout, [[0, 4], [4, 3], [7, 9]]);
  const [a, b] = [Uint8Array.of(0xa5, 0x77), Uint8Array.of(0xad, 0x77)];
  assertEquals(componentsMatch(layout, a, b, 0b101n), true);
  assertEquals(componentsMatch(layout, a, b, 0b010n), false);
  assertEquals(componentsMatch([undefined], a, b, 1n), true);
});

Deno.test("NodeRecord.emit() writes the golden bytes", () => {
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
  const golden = hex(
    "0003 0000 01 01 01 01 0000000000000001 0000000000000002" +
      "ffffffff00000003 0040 0004 00000005 01abcdef" +
      "696230" + "00".repeat(61),
  );
  assertEquals(NodeRecord.emit(record), golden);
  const full = NodeRecord.emit({ ...record, description: "x".repeat(80) });
  assertEquals(full.slice(44), new Uint8Array(64).fill("x".charCodeAt(0)));
  assertEquals(NodeRecord.COMPONENTS.length, 15);
  assertEquals(NodeRecord.COMPONENTS[14], [44 * 8, 512]);
});

Deno.test("PkeyTableRecord.emit() writes the golden bytes", () => {
  const record = { lid: 2, block: 1, portNumber: 1, pkeys: [0xffff, 0x8001] };
  const golden = hex("0002 0001 01 000000 ffff 8001" + "0000".repeat(30));
  assertEquals(PkeyTableRecord.emit(record), golden);
});

Deno.test("PortInfoRecord.emit() writes LID, state and MTU at the offsets of PortInfo", () => {
  const bytes = PortInfoRecord.emit({
    lid: 7,
    portNumber: 1,
    gidPrefix: 0xfe80000000000000n,
    smLid: 1,
    capabilityMask: 0x02000000,
    linkWidth: 2,
    linkSpeed: 7,
    linkSpeedExt: 2,
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
