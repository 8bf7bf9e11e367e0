import { assertEquals } from "@std/assert";
import { Fabric } from "../../../src/hca/soft/fabric.ts";

const A = "0x000000000000000a";
const B = "0x000000000000000b";
const C = "0x000000000000000c";
const MGID = "ff12401bffff000000000000ffffffff";

function filled(): Fabric {
  const fabric = new Fabric();
  fabric.replace({
    ports: [{ lid: 2, guid: A }, { lid: 3, guid: B }],
    groups: [{ mlid: 0xc000, mgid: MGID, lids: [2, 3] }],
  });
  return fabric;
}

const members = (fabric: Fabric, mlid: number) =>
  [...fabric.members(mlid)].sort();

Deno.test("LIDs lead to ports and back, multicast LIDs to members", () => {
  const fabric = filled();
  assertEquals([fabric.guid(2), fabric.guid(9)], [A, undefined]);
  assertEquals([fabric.lid(B), fabric.lid(C)], [3, 0]);
  assertEquals(members(fabric, 0xc000), [2, 3]);
  assertEquals(members(fabric, 0xc001), []);
});

Deno.test("updates remove before they add", () => {
  const fabric = filled();
  fabric.update({
    type: "fabric",
    portsRemoved: [3],
    portsAdded: [{ lid: 3, guid: C }],
    groupsRemoved: [0xc000],
    groupsChanged: [{ mlid: 0xc000, mgid: MGID, lids: [2] }],
  });
  assertEquals([fabric.guid(3), fabric.lid(B), fabric.lid(C)], [C, 0, 3]);
  assertEquals(members(fabric, 0xc000), [2]);
  fabric.update({ type: "fabric", portsRemoved: [77], groupsRemoved: [1] });
  assertEquals(fabric.map(), {
    ports: [{ lid: 2, guid: A }, { lid: 3, guid: C }],
    groups: [{ mlid: 0xc000, mgid: MGID, lids: [2] }],
  });
});

Deno.test("a dead manager's word counts until it is forgotten", () => {
  const fabric = filled();
  // The next manager knows of one port so far.
  fabric.replace({
    ports: [{ lid: 2, guid: A }],
    groups: [{ mlid: 0xc000, mgid: MGID, lids: [2] }],
  });
  assertEquals([fabric.guid(3), fabric.lid(B)], [B, 3]);
  assertEquals(members(fabric, 0xc000), [2, 3]);
  assertEquals(fabric.map().ports, [{ lid: 2, guid: A }]);
  fabric.forgetOld();
  assertEquals([fabric.guid(3), fabric.lid(B)], [undefined, 0]);
  assertEquals(members(fabric, 0xc000), [2]);
});

Deno.test("what the present manager says goes before what the old one said", () => {
  const fabric = filled();
  fabric.replace({ ports: [{ lid: 3, guid: C }], groups: [] });
  assertEquals([fabric.guid(3), fabric.lid(C)], [C, 3]);
});
