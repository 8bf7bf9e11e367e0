import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { parsePartitionsConf } from "../../src/subnet/partitions_conf.ts";
import { defaultPartitions, pkeyTable } from "../../src/subnet/partitions.ts";
import { formatGid } from "../../src/wire/gid.ts";

/** Returns the P_Key tables of ports 1 and 2 and of the manager (9). */
function tables(text: string): number[][] {
  const { partitions } = parsePartitionsConf(text);
  return [
    pkeyTable(partitions, 1n),
    pkeyTable(partitions, 2n),
    pkeyTable(partitions, 9n, "manager"),
  ];
}

Deno.test("parsePartitionsConf() reads names, P_Keys, flags and members", () => {
  const { partitions, warnings } = parsePartitionsConf(
    "Default=0x7fff, ipoib : ALL=full ;\n" +
      "storage=0x8005, ipoib, rate=7, mtu=5 : 0x1=full, 2 ;\n",
  );
  assertEquals(warnings, []);
  assertEquals(partitions.map(({ name, pkey }) => [name, pkey]), [
    ["Default", 0x7fff],
    ["storage", 5],
  ]);
  assertEquals(partitions[1]!.ipoib, {
    mtu: 5,
    rate: 7,
    sl: 0,
    scopes: [2],
    qkey: 0xb1b,
    tclass: 0,
    flowLabel: 0,
  });
  assertEquals(partitions[1]!.members, [
    { port: 1n, membership: "full" },
    { port: 2n, membership: "limited" },
  ]);
});

Deno.test("parsePartitionsConf() makes every port a member of the default partition", () => {
  assertEquals(tables("x=1 : 1=full ;"), [
    [0x7fff, 0x8001],
    [0x7fff],
    [0xffff],
  ]);
});

Deno.test("parsePartitionsConf() uses the last entry that names a port", () => {
  assertEquals(
    tables("x=1 : 1=full, ALL ; y=2 : ALL, 1=full ; z=3 : ALL=full, SELF ;"),
    [
      [0x7fff, 1, 0x8002, 0x8003],
      [0x7fff, 1, 2, 0x8003],
      [0xffff, 1, 2, 3],
    ],
  );
});

Deno.test("parsePartitionsConf() generates P_Keys for names without P_Key", () => {
  const { partitions } = parsePartitionsConf(
    "two=2 : ALL ; a : ALL ; b : ALL ; a : 1=full ; 4 : ALL ;",
  );
  assertEquals(partitions.slice(1).map(({ name, pkey }) => [name, pkey]), [
    ["two", 2],
    ["a", 1],
    ["b", 3],
    ["0004", 4],
  ]);
});

Deno.test("parsePartitionsConf() parses a statement on several lines or on one line alike", () => {
  const split = "x=1, ipoib : # head\n 1=full,\n\n 2=full\n ALL_SWITCHES ;\n";
  const whole = "x=1,ipoib:1=full,2=full,ALL_SWITCHES";
  assertEquals(parsePartitionsConf(split), parsePartitionsConf(whole));
  assertEquals(tables(split)[2], [0xffff, 1]);
});

Deno.test("parsePartitionsConf() puts an indx0 partition at index 0 of its members", () => {
  const text = "x=1, indx0 : 1=full ; y=2, indx0 : ALL=full ; y=2 : 2=full ;";
  assertEquals(tables(text), [
    [0x8002, 0x8001, 0x7fff],
    [0x7fff, 0x8002],
    [0x8002, 0xffff],
  ]);
});

Deno.test("parsePartitionsConf() returns the mgid groups of a partition", () => {
  const { partitions, warnings } = parsePartitionsConf(
    "x=1, ipoib : mgid=ff12:401b::5, Q_Key=7\nmgid=ff12:401b:9::5\nALL ;",
  );
  const [group, ...rest] = partitions[1]!.groups!;
  assertEquals(rest, []);
  assertEquals(formatGid(group!.mgid), "ff12:401b:8001::5");
  assertEquals(group!.qkey, 7);
  assertEquals(warnings, [
    "partitions.conf:2:1: the MGID has P_Key 0x0009, not 0x8001, group ignored",
  ]);
});

const WARNINGS: Record<string, string> = {
  "x=1, color : ALL ;": '1:6: unknown flag "color" ignored',
  "x=1, defmember=x : ALL ;":
    "1:6: defmember is not full, limited or both, limited used",
  "x=1, sl=16 : ALL ;": "1:6: sl is not in the range 0 to 15, flag ignored",
  "x=1, sl=1 : ALL ;": "1:1: quality of service is not supported, sl 0 used",
  "x=1, scope=16 : ALL ;":
    "1:6: scope is not in the range 1 to 15, flag ignored",
  "x=1, mtu : ALL ;": "1:6: mtu has no value, flag ignored",
  "x=1, rate=fast : ALL ;": '1:6: "fast" is not a number, 0 used',
  "x=1, FlowLabel=0x100000 : ALL ;":
    "1:6: FlowLabel is not in the range 0 to 0xfffff, flag ignored",
  "x=1, ipoib, mtu=6 : ALL ;":
    "1:1: MTU code 6 or rate code 3 is invalid, group ignored",
  "x=1 : ALL=some ;": '1:7: unknown membership "some", limited used',
  "x=1 : mgid=ff12:401b::1":
    "1:7: the partition has no broadcast group with scope 2, group ignored",
  "x=1 : mgid=ff12:a01b::1":
    "1:7: the MGID has reserved flags or the administrator's signature, group ignored",
  "x=1, ipoib : mgid=ff12:401b::1,mtu=3":
    "1:14: rate or mtu differs from the broadcast group's, group ignored",
  "x=1 : mgid=ff12::1,ipoib": '1:20: unknown group flag "ipoib" ignored',
};

for (const [text, warning] of Object.entries(WARNINGS)) {
  Deno.test(`parsePartitionsConf() warns of "${text}"`, () => {
    const { warnings } = parsePartitionsConf(text, "f");
    assertEquals(warnings, [`f:${warning}`]);
  });
}

const ERRORS: Record<string, string> = {
  "": "f:1:1: The file defines no partition: expected a definition such as",
  "# nothing\n\n": "f:1:1: The file defines no partition",
  "Default=0x7fff, ipoib": "f:1:22: The definition has no ports: expected `:`",
  "a : ALL ;\n  b ;": "f:2:4: The definition has no ports",
  "a : ALL ; ;": "f:1:11: The definition has no ports",
  "a=five : ALL ;": 'f:1:1: "five" is not a P_Key: expected a number',
  "5x : ALL ;": 'f:1:1: "5x" is not a P_Key',
  "a= : ALL ;": 'f:1:1: "" is not a P_Key',
  "a : ALL,\n\n   ib0=full ;":
    'f:3:4: "ib0" is not a port: expected a port GUID',
  "a : 0 ;": 'f:1:5: "0" is not a port',
  "a : 0x1z ;": 'f:1:5: "0x1z" is not a port',
  "a : ALLES ;": 'f:1:5: "ALLES" is not a port',
  "a : mgid ;": 'f:1:5: "" is not a multicast GID: expected an MGID such as',
  "a : mgid=fe80::1 ;": 'f:1:5: "fe80::1" is not a multicast GID',
};

for (const [text, message] of Object.entries(ERRORS)) {
  Deno.test(`parsePartitionsConf() throws for ${JSON.stringify(text)}`, () => {
    const error = assertThrows(
      () => parsePartitionsConf(text, "f"),
      IpoibError,
      message,
    );
    assertEquals([error.code, error.errno], ["E_PARTITIONS_CONF", 22]);
  });
}

Deno.test("a partitions.conf with the built-in partitions gives the same P_Key tables", () => {
  const { partitions } = parsePartitionsConf(
    "Default=0x7fff, ipoib : ALL=full ;\n" +
      "one=1, ipoib : ALL=full ;\ntwo=2, ipoib : ALL=full ;\n",
  );
  for (const guid of [1n, 2n]) {
    assertEquals(
      pkeyTable(partitions, guid),
      pkeyTable(defaultPartitions(), guid),
    );
  }
});
