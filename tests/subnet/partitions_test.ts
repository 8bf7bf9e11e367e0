import { assert, assertEquals } from "@std/assert";
import {
  defaultPartitions,
  hasPkey,
  type Partition,
  pkeyTable,
  updatedPkeyTable,
} from "../../src/subnet/partitions.ts";

const partition = (
  pkey: number,
  members: Partition["members"],
  first = false,
): Partition => ({ name: "p", pkey, members, first });

Deno.test("defaultPartitions() makes every port a full member of three links", () => {
  const partitions = defaultPartitions();
  assertEquals(pkeyTable(partitions, 5n), [0xffff, 0x8001, 0x8002]);
  for (const { ipoib } of partitions) {
    assertEquals(ipoib, {
      rate: 3,
      sl: 0,
      scopes: [2],
      qkey: 0xb1b,
      tclass: 0,
      flowLabel: 0,
    });
  }
});

Deno.test("pkeyTable() uses the last membership of a port in each partition", () => {
  const partitions = [
    partition(0x7fff, [{ port: "ALL", membership: "limited" }]),
    partition(1, [
      { port: "ALL", membership: "limited" },
      { port: 5n, membership: "full" },
    ]),
    partition(2, [{ port: 5n, membership: "both" }]),
    partition(3, [
      { port: 6n, membership: "full" },
      { port: 5n, membership: "full" },
      { port: "ALL", membership: "limited" },
    ]),
  ];
  assertEquals(pkeyTable(partitions, 5n), [0x7fff, 0x8001, 0x8002, 2, 3]);
  assertEquals(pkeyTable(partitions, 6n), [0x7fff, 1, 3]);
});

Deno.test("pkeyTable() puts the P_Key of the partition that claims index 0 there", () => {
  const all = [{ port: "ALL", membership: "full" }] as const;
  const partitions = [
    partition(0x7fff, all),
    partition(1, all, true),
    partition(1, all),
  ];
  assertEquals(pkeyTable(partitions, 5n), [0x8001, 0xffff]);
});

Deno.test("pkeyTable() always includes the default partition", () => {
  assertEquals(pkeyTable([], 5n), [0x7fff]);
  const none = partition(0x7fff, [{ port: 1n, membership: "full" }]);
  assertEquals(pkeyTable([none], 5n), [0x7fff]);
});

Deno.test("hasPkey() ignores the membership bit and P_Key 0", () => {
  assertEquals(hasPkey([0x8001], 1), true);
  assertEquals(hasPkey([1], 0x8001), true);
  assertEquals(hasPkey([0x8001], 2), false);
  assertEquals(hasPkey([0x8000, 0], 0x8000), false);
});

Deno.test("pkeyTable() puts the default partition first, the others in OpenSM's order", () => {
  const all = [{ port: "ALL", membership: "full" }] as const;
  const partitions = [0x0102, 0x0201, 0x7fff, 0x0003]
    .map((pkey) => partition(pkey, all));
  assertEquals(pkeyTable(partitions, 5n), [0xffff, 0x8201, 0x8102, 0x8003]);
});

Deno.test("pkeyTable() treats ports as channel adapters and the manager as a switch", () => {
  const partitions = [
    partition(1, [{ port: "ALL_CAS", membership: "full" }]),
    partition(2, [{ port: "ALL_SWITCHES", membership: "full" }]),
    partition(3, [{ port: "ALL_ROUTERS", membership: "full" }]),
    partition(4, [{ port: "SELF", membership: "limited" }]),
  ];
  assertEquals(pkeyTable(partitions, 5n), [0x7fff, 0x8001]);
  assertEquals(pkeyTable(partitions, 5n, "manager"), [0x7fff, 0x8002, 4]);
});

Deno.test("pkeyTable() returns at most 64 entries, including the default partition", () => {
  const partitions = Array.from(
    { length: 100 },
    (_, i) => partition(i + 1, [{ port: "ALL", membership: "full" }]),
  );
  const table = pkeyTable([...partitions, ...defaultPartitions()], 1n);
  assertEquals(table.length, 64);
  assertEquals(table[0], 0xffff);
  const claimed = partitions.map((each, i) =>
    i === 4 ? { ...each, first: true } : each
  );
  const other = pkeyTable([...claimed, ...defaultPartitions()], 1n);
  assertEquals([other.length, other[0], other.includes(0xffff)], [
    64,
    0x8005,
    true,
  ]);
});

Deno.test("updatedPkeyTable() reuses entries of removed P_Keys when the table is full", () => {
  let table = [0xffff, 0x8001];
  for (let i = 2; i < 200; i++) {
    table = updatedPkeyTable(table, [0xffff, 0x8000 | i, 0x8000 | i + 1]);
    assert(table.length <= 64);
    assert(table.includes(0x8000 | i) && table.includes(0x8000 | i + 1));
    assertEquals(table[0], 0xffff);
  }
});

Deno.test("updatedPkeyTable() keeps the index of P_Keys, except for index 0", () => {
  const old = [0xffff, 0x8001, 0x8002];
  assertEquals(updatedPkeyTable(old, [0xffff, 0x8002]), [0xffff, 0, 0x8002]);
  assertEquals(updatedPkeyTable(old, [0xffff, 0x8001]), [0xffff, 0x8001]);
  assertEquals(updatedPkeyTable(old, [0x7fff, 0x8003, 2, 1]), [
    ...[0x7fff, 1, 2, 0x8003],
  ]);
  assertEquals(updatedPkeyTable(old, [0x8002, 0xffff]), [0x8002, 0, 0, 0xffff]);
  assertEquals(updatedPkeyTable([0x8002, 0, 0, 0xffff], [0xffff, 0x8002]), [
    ...[0xffff, 0, 0, 0, 0x8002],
  ]);
  assertEquals(updatedPkeyTable([], [0xffff, 0x8001]), [0xffff, 0x8001]);
});
