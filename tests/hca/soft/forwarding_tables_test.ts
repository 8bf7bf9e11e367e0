import { assertEquals } from "@std/assert";
import { ForwardingTables } from "../../../src/hca/soft/forwarding_tables.ts";

const A = "0x000000000000000a";
const B = "0x000000000000000b";
const C = "0x000000000000000c";
const port = (lid: number, guid: string) => ({
  lid,
  guid,
  pkeys: [0xffff],
  token: "00112233445566778899aabbccddeeff",
});
const MGID = "ff12401bffff000000000000ffffffff";

/** What is known of {@linkcode filled} tables. */
const BOTH = {
  ports: [
    { lid: 2, guid: A, pkeys: [0xffff] },
    { lid: 3, guid: B, pkeys: [0xffff] },
  ],
  groups: [{ mlid: 0xc000, mgid: MGID, lids: [2, 3] }],
};

function filled(): ForwardingTables {
  const fabric = new ForwardingTables();
  fabric.replace({
    ports: [port(2, A), port(3, B)],
    groups: [{ mlid: 0xc000, mgid: MGID, lids: [2, 3] }],
  });
  return fabric;
}

const members = (fabric: ForwardingTables, mlid: number) =>
  [...fabric.members(mlid)].sort();

Deno.test("ports are found by LID and by GUID, members by multicast LID", () => {
  const fabric = filled();
  assertEquals([fabric.port(2)?.guid, fabric.port(9)?.guid], [A, undefined]);
  assertEquals([fabric.find(B)?.lid, fabric.find(C)?.lid], [3, undefined]);
  assertEquals(members(fabric, 0xc000), [2, 3]);
  assertEquals(members(fabric, 0xc001), []);
});

Deno.test("an update removes entries before it adds entries", () => {
  const fabric = filled();
  fabric.update({
    type: "fabric",
    portsRemoved: [3],
    portsAdded: [port(3, C)],
    groupsRemoved: [0xc000],
    groupsChanged: [{ mlid: 0xc000, mgid: MGID, lids: [2] }],
  });
  assertEquals(
    [fabric.port(3)?.guid, fabric.find(B)?.lid, fabric.find(C)?.lid],
    [C, undefined, 3],
  );
  assertEquals(members(fabric, 0xc000), [2]);
  fabric.update({ type: "fabric", portsRemoved: [77], groupsRemoved: [1] });
  assertEquals(fabric.known(), {
    ports: [{ lid: 2, guid: A, pkeys: [0xffff] }, {
      lid: 3,
      guid: C,
      pkeys: [0xffff],
    }],
    groups: [{ mlid: 0xc000, mgid: MGID, lids: [2] }],
  });
});

/** The map of a next manager with which one port has registered so far. */
const PORT_2_ONLY = {
  ports: [port(2, A)],
  groups: [{ mlid: 0xc000, mgid: MGID, lids: [2] }],
};

Deno.test("the tables of a dead manager are used until forgetOld()", () => {
  const fabric = filled();
  fabric.replace(PORT_2_ONLY);
  assertEquals([fabric.port(3)?.guid, fabric.find(B)?.lid], [B, 3]);
  assertEquals(members(fabric, 0xc000), [2, 3]);
  assertEquals(fabric.known(), BOTH);
  fabric.forgetOld();
  assertEquals([fabric.port(3)?.guid, fabric.find(B)?.lid], [
    undefined,
    undefined,
  ]);
  assertEquals(members(fabric, 0xc000), [2]);
  assertEquals(fabric.known(), {
    ports: [{ lid: 2, guid: A, pkeys: [0xffff] }],
    groups: [{ mlid: 0xc000, mgid: MGID, lids: [2] }],
  });
});

Deno.test("the tables of two dead managers are used until forgetOld()", () => {
  const fabric = filled();
  fabric.replace({ ports: [], groups: [] });
  fabric.replace(PORT_2_ONLY);
  assertEquals([fabric.port(3)?.guid, fabric.find(B)?.lid], [B, 3]);
  assertEquals(members(fabric, 0xc000), [2, 3]);
  assertEquals(fabric.known(), BOTH);
  fabric.forgetOld();
  assertEquals(fabric.port(3), undefined);
});

Deno.test("of a LID, GUID, MLID or MGID with two entries, the newer is known", () => {
  const fabric = filled();
  const other = "ff12401b8001000000000000ffffffff";
  fabric.update({
    type: "fabric",
    groupsChanged: [{ mlid: 0xc001, mgid: other, lids: [2] }],
  });
  const newer = {
    ports: [port(3, C), port(4, A)],
    groups: [{ mlid: 0xc001, mgid: MGID, lids: [4] }],
  };
  const known = {
    ports: newer.ports.map(({ lid, guid, pkeys }) => ({ lid, guid, pkeys })),
    groups: newer.groups,
  };
  fabric.replace(newer);
  assertEquals(fabric.known(), known);
  fabric.replace({ ports: [], groups: [] });
  assertEquals(fabric.known(), known);
});

Deno.test("the current manager's tables take precedence over the old ones", () => {
  const fabric = filled();
  fabric.replace({ ports: [port(3, C)], groups: [] });
  assertEquals([fabric.port(3)?.guid, fabric.find(C)?.lid], [C, 3]);
});
