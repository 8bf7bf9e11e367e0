import { assert, assertEquals } from "@std/assert";
import { stripAnsiCode } from "@std/fmt/colors";
import { renderJson, snakeKeys } from "../../src/cli/render/json.ts";
import { renderLinks } from "../../src/cli/render/link_text.ts";
import {
  duration,
  gigabits,
  number,
  portRate,
} from "../../src/cli/render/number.ts";
import { statistics } from "../../src/cli/render/statistics_text.ts";
import { type Style, styleOf } from "../../src/cli/render/style.ts";
import { renderSubnet } from "../../src/cli/render/subnet_text.ts";
import {
  renderChildren,
  renderGroups,
  renderNeighbours,
  renderPaths,
} from "../../src/cli/render/tables_text.ts";
import type { LinkRecord, NeighRecord } from "../../src/ipc/schema.ts";
import * as records from "../ipc/records.ts";
import { forceColors } from "./support.ts";

const plain = styleOf({}, false);
const details = styleOf({ details: true }, false);
const stats = styleOf({ stats: true }, false);

Deno.test("renderLinks() prints the format of ip link", () => {
  assertEquals(
    renderLinks([records.link], plain),
    `\
4: ib0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 2044 qdisc fq_codel state UP mode DEFAULT group default qlen 1000
    link/infiniband 00:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01 brd 00:ff:ff:ff:ff:12:40:1b:ff:ff:00:00:00:00:00:00:ff:ff:ff:ff
`,
  );
});

Deno.test("renderLinks() with details prints the format of ip -d link and additional lines", () => {
  assertEquals(
    renderLinks([records.link], details),
    `\
4: ib0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 2044 qdisc fq_codel state UP mode DEFAULT group default qlen 1000
    link/infiniband 00:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01 brd 00:ff:ff:ff:ff:12:40:1b:ff:ff:00:00:00:00:00:00:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65521 \n\
    ipoib pkey 0xffff mode datagram umcast 0000 addrgenmode eui64 numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535 tso_max_size 65536 tso_max_segs 65535 gro_max_size 65536 \n\
    hca soft:default port 1 subnet default state ACTIVE lid 0x0002 sm_lid 0x0001 rate 100 Gb/sec (4X EDR)
    gid fe80::2:c903:0:1 qpn 0x000048 pkey_index 0
    mtu port 4092 group 2044 mode datagram admin unset device 2044, limited by the broadcast group
    next hops from a program in the kernel
    state running
    namespace 4026531840 pid 4711 version 0.1.0
`,
  );
});

Deno.test("renderLinks() prints the alias after the details of ip, and a refused MTU", () => {
  const { link } = records;
  const shown = {
    ...link,
    ifalias: "rail 1",
    "mtu_chain": { ...link.mtu_chain, refused: 9000 },
  };
  assertEquals(
    renderLinks([shown], plain).split("\n")[2],
    "    alias rail 1",
  );
  const lines = renderLinks([shown], details).split("\n");
  assertEquals(lines[3], "    alias rail 1");
  assertEquals(
    lines[6],
    "    mtu port 4092 group 2044 mode datagram admin unset device 2044, limited by the broadcast group, 9000 was refused",
  );
});

Deno.test("renderLinks() with details prints a limited membership and the destinations that are not reached", () => {
  const shown = {
    ...records.link,
    membership: "limited" as const,
    unreached: [{ destination: "10.0.0.7", reason: "no answer" }],
  };
  assertEquals(renderLinks([shown], details).split("\n").slice(7, 10), [
    "    state running",
    "    membership limited: the port reaches only full members of partition 0xffff",
    "    10.0.0.7 not reached: no answer",
  ]);
});

Deno.test("renderLinks() prints a membership in doubt beside the state, with and without details", () => {
  const reason =
    "the subnet administrator does not answer the join of broadcast group ff12:401b:ffff::ffff:ffff (SM LID 1)";
  const shown = { ...records.link, "membership_in_doubt": reason };
  const line = `    state running, membership in doubt: ${reason}`;
  assertEquals(renderLinks([shown], plain).split("\n").slice(2), [line, ""]);
  assertEquals(renderLinks([shown], details).split("\n")[7], line);
});

Deno.test("renderLinks() prints the link layer instead of LIDs for Ethernet", () => {
  const { link } = records;
  const hca = {
    ...link.hca,
    device: "rxe0",
    "link_layer": "ethernet" as const,
    lid: 0,
  };
  assertEquals(
    renderLinks([{ ...link, hca }], details).split("\n")[3],
    "    hca rxe0 port 1 subnet default state ACTIVE link_layer Ethernet (RoCE) rate 100 Gb/sec (4X EDR)",
  );
});

Deno.test("renderLinks() prints the state of a link that is not running, with and without details", () => {
  assertEquals(
    renderLinks([records.childLink], plain).split("\n").filter((_, i) =>
      i !== 1
    ),
    [
      "5: ib0.8003@ib0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 2000 qdisc fq_codel state DOWN mode DEFAULT group default qlen 1000",
      "    state waiting for P_Key 0x8003 in the port's table",
      "",
    ],
  );
  assertEquals(
    renderLinks([records.childLink], details).split("\n").slice(4, 8),
    [
      "    gid fe80::2:c903:0:1 qpn 0x000048 pkey_index not in the port's table",
      "    mtu port 4092 group unknown mode datagram admin 2000 device 2000, limited by the administrator",
      "    next hops from a program in the kernel",
      "    state waiting for P_Key 0x8003 in the port's table",
    ],
  );
});

Deno.test("renderLinks() with details prints why the device is lost, even if the link is down", () => {
  const hca = {
    ...records.link.hca,
    lost: "it was removed",
    "port_state": "DOWN",
  };
  const state = "administratively down";
  const lines = renderLinks([{ ...records.link, hca, state }], details);
  assert(lines.includes("\n    device lost: it was removed\n"), lines);
  assert(lines.includes(`\n    state ${state}\n`), lines);
});

Deno.test("renderLinks() prints the statistics of ip -s link and drops by reason", () => {
  assertEquals(
    renderLinks([records.link], stats).split("\n").slice(2).join("\n"),
    `\
    RX:    bytes  packets errors dropped  missed   mcast           \n\
            3193       29      0       1       0       7 \n\
    TX:    bytes  packets errors dropped carrier collsns           \n\
    123456789012 88888888      0       2       0       0 \n\
    drops tx_path_failed 2 tx_waiting_full 1
`,
  );
});

Deno.test("statistics() uses the minimum column widths of iproute2, and human-readable numbers", () => {
  const small = structuredClone(records.link.stats64);
  small.tx = { ...small.rx, carrier_errors: 0, collisions: 0 };
  assertEquals(statistics(small, true), [
    "    RX:  bytes packets errors dropped  missed   mcast           ",
    "         3.19k      29      0       1       0       7 ",
    "    TX:  bytes packets errors dropped carrier collsns           ",
    "         3.19k      29      0       1       0       0 ",
  ]);
});

Deno.test("renderLinks() joins the lines of a record with backslashes for -o", () => {
  const text = renderLinks(
    [records.link, records.childLink],
    styleOf({ oneline: true, details: true, stats: true }, false),
  );
  assertEquals(text.split("\n").length, 3);
  assertEquals(text.split("\n")[0]!.split("\\    ").length, 14);
});

Deno.test("renderNeighbours() prints the format of ip neigh", () => {
  assertEquals(
    renderNeighbours(records.neighbours, plain),
    `\
10.0.0.2 dev ib0 lladdr 00:00:00:49:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:02 REACHABLE
10.0.0.9 dev ib0 INCOMPLETE
`,
  );
  assertEquals(
    renderNeighbours(
      records.neighbours,
      styleOf({ stats: true, details: true }, false),
    ),
    `\
10.0.0.2 dev ib0 lladdr 00:00:00:49:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:02 qpn 0x000049 gid fe80::2:c903:0:2 used 3/2/2 probes 1 queued 0 REACHABLE
10.0.0.9 dev ib0 used 0/0/0 probes 2 queued 3 INCOMPLETE
`,
  );
});

Deno.test("renderLinks() with details prints the connections, or why there are none", () => {
  const lines = (link: Partial<LinkRecord>) =>
    renderLinks([{ ...records.link, ...link }], details).split("\n");
  assert(
    lines({ connections: { active: 3, passive: 2 } }).includes(
      "    connections active 3 passive 2",
    ),
  );
  assert(
    lines({ "no_connections": "the kernel's ib_cm has the class" }).includes(
      "    no connected mode: the kernel's ib_cm has the class",
    ),
  );
});

const connected = {
  transport: "rc",
  connection: "established",
  "rc_qpn": 0x4a,
  "rc_mtu": 65_520,
  "rc_age_ms": 3400,
} as const;

Deno.test("renderNeighbours() with details prints how packets are sent", () => {
  const [neighbour] = records.neighbours;
  const line = (more: Partial<NeighRecord>) =>
    renderNeighbours([{ ...neighbour!, ...more }], details)
      .replace(/.*0:2 /, "");
  assertEquals(line({ transport: "ud" }), "ud REACHABLE\n");
  assertEquals(
    line({ transport: "ud", connection: "refused" }),
    "ud (connection refused) REACHABLE\n",
  );
  assertEquals(
    line(connected),
    "rc qpn 0x00004a mtu 65520 age 3.4s REACHABLE\n",
  );
});

Deno.test("renderPaths() prints the peers of connected mode", () => {
  const peers = [{ qpn: 0x49, ...connected }, {
    qpn: 0x50,
    transport: "ud" as const,
  }];
  assertEquals(
    renderPaths([{ ...records.paths[0]!, peers }], plain),
    "fe80::2:c903:0:2 dev ib0 dlid 0x0002 sl 0 rate 100.0 Gb/sec mtu 2048 complete " +
      "peer 0x000049 rc qpn 0x00004a mtu 65520 age 3.4s peer 0x000050 ud\n",
  );
});

Deno.test("renderPaths() prints one path per line", () => {
  assertEquals(
    renderPaths(records.paths, plain),
    `\
fe80::2:c903:0:2 dev ib0 dlid 0x0002 sl 0 rate 100.0 Gb/sec mtu 2048 complete
fe80::2:c903:0:3 dev ib0 queued 2 incomplete error "status -110"
`,
  );
  assertEquals(
    renderPaths(records.paths.slice(0, 1), details),
    "fe80::2:c903:0:2 dev ib0 dlid 0x0002 sl 0 rate 100.0 Gb/sec mtu 2048 hoplimit 0 complete\n",
  );
});

Deno.test("renderGroups() prints one group per line", () => {
  assertEquals(
    renderGroups(records.groups, plain),
    `\
ff12:401b:ffff::ffff:ffff dev ib0 mlid 0xc000 full joined attached
ff12:401b:ffff::f01:203 dev ib0 send_only waiting queued 5 retry 4.0s error "status -22" reason "the group has Q_Key 0x00001234, the join requires 0x00000b1b"
`,
  );
  assertEquals(
    renderGroups(records.groups.slice(0, 1), details),
    "ff12:401b:ffff::ffff:ffff dev ib0 mlid 0xc000 full joined attached qkey 0x00000b1b mtu 2048 rate 10.0 Gb/sec sl 0 created 12.3s\n",
  );
});

Deno.test("renderChildren() prints one child per line", () => {
  const waiting = {
    ...records.child,
    operstate: "DOWN",
    state: "waiting for the group",
  };
  assertEquals(
    renderChildren([records.child, waiting], plain),
    `\
5: ib0.8001@ib0: pkey 0x8001 state UP
5: ib0.8001@ib0: pkey 0x8001 state DOWN waiting for the group
`,
  );
});

Deno.test("renderSubnet() prints three tables", () => {
  assertEquals(
    renderSubnet(records.subnet, plain),
    `\
subnet prefix 0xfe80000000000000 mtu 2048 rate 100 Gb/sec
manager ib0 lid 0x0001 guid 0x0002c90300000001 pid 4711 host h1

PORT  LID     GUID                PID   STATE   PKEYS
ib0   0x0001  0x0002c90300000001  4711  active  0xffff,0x8001
ib1   0x0002  0x0002c90300000002  12    active  0xffff

PARTITION  PKEY    IPOIB  MEMBERS
Default    0x7fff  yes    ALL=full

GROUP                      MLID    PKEY    QKEY        MTU   RATE       SL  MEMBERS
ff12:401b:ffff::ffff:ffff  0xc000  0xffff  0x00000b1b  2048  10 Gb/sec  0   2
`,
  );
  const dropped = { "malformed": 3, "port_down": 0, "mad_class": 2 };
  assertEquals(
    renderSubnet({ ...records.subnet, dropped }, plain).split("\n")[2],
    "dropped malformed 3 mad_class 2",
  );
  const text = renderSubnet({ ...records.subnet, truncated: true }, details);
  assertEquals(text.split("\n").slice(-4, -1), [
    "ff12:401b:ffff::ffff:ffff  0xc000  0xffff  0x00000b1b  2048  10 Gb/sec  0   0x0001=full,0x0002=full+send_only",
    "",
    "Some groups or members are not shown",
  ]);
});

Deno.test("colored output equals plain output without its escape sequences", () => {
  using _colors = forceColors();
  const plainStyle: Style = styleOf({ details: true, stats: true }, false);
  const colored: Style = styleOf({ details: true, stats: true }, true);
  const texts = (style: Style) => [
    renderLinks([records.link, records.childLink], style),
    renderNeighbours(records.neighbours, style),
    renderPaths(records.paths, style),
    renderGroups(records.groups, style),
    renderChildren([records.child], style),
    renderSubnet(records.subnet, style),
  ];
  const bright = texts(colored);
  assertEquals(bright.map(stripAnsiCode), texts(plainStyle));
  // deno-lint-ignore no-control-regex
  for (const text of bright) assertEquals(/\x1b\[/.test(text), true);
});

Deno.test("renderJson() prints an array on one line, or indented", () => {
  assertEquals(renderJson([{ a: 1 }], false), '[{"a":1}]\n');
  assertEquals(
    renderJson([{ a: 1 }], true),
    '[\n    {\n        "a": 1\n    }\n]\n',
  );
  assertEquals(renderJson([], false), "[]\n");
});

Deno.test("snakeKeys() converts keys at every depth, but no values", () => {
  assertEquals(
    snakeKeys({ rateCode: 3, a: [{ joinState: "fullMember" }], b: null }),
    { rate_code: 3, a: [{ join_state: "fullMember" }], b: null },
  );
});

Deno.test("number() prints human-readable numbers as iproute2 does", () => {
  const cases: Array<[number, string]> = [
    [0, "0"],
    [999, "999"],
    [1000, "1.00k"],
    [3193, "3.19k"],
    [12345, "12.3k"],
    [123456, "123k"],
    [999999, "1000k"],
    [1000000, "1.00M"],
    [123456789012, "123G"],
    [5e18, "5.00E"],
  ];
  for (const [value, text] of cases) {
    assertEquals(number(value, true), text);
    assertEquals(number(value, false), String(value));
  }
});

Deno.test("portRate(), gigabits() and duration() print values with units", () => {
  const port = (rateMbps: number, width: number, laneMbps: number) =>
    portRate({ "rate_mbps": rateMbps, width, "lane_mbps": laneMbps });
  assertEquals(port(2500, 1, 2500), "2.5 Gb/sec (1X SDR)");
  assertEquals(port(56000, 4, 14000), "56 Gb/sec (4X FDR)");
  assertEquals(port(28, 4, 7), "0.028 Gb/sec (4X)");
  assertEquals(gigabits(14062), "14.1 Gb/sec");
  assertEquals(
    [0, 850, 1500, 61_000, 7_200_000, 200_000_000].map(duration),
    ["0ms", "850ms", "1.5s", "1m", "2h", "2d"],
  );
});
