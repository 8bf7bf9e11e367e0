/** Next hops of IPv6 packets: rules, gateways with link-local and global addresses, and multipath routes. */

import { assert, assertEquals } from "@std/assert";
import { must, UdpSocket, until } from "./harness/mod.ts";
import {
  CLIENT6,
  type GatewayName,
  gateways6,
  NETWORK6,
  replying,
  TARGET6,
} from "./harness/gateways6.ts";
import { nextHopsTest } from "./harness/next_hops.ts";

const USER = "1234";
const AS_USER = [
  ...["setpriv", `--reuid=${USER}`, "--clear-groups"],
  ...["--inh-caps=+net_raw", "--ambient-caps=+net_raw"],
];
const FLOWS = 64;
const FIRST_PORT = 20_000;
const PORT = 7003;

/** Options of ping, the command that starts it, and the gateway that the kernel selects. */
const KERNEL: readonly (readonly [string[], string[], GatewayName])[] = [
  [[], [], "first"],
  [["-m", "1"], [], "second"],
  [["-Q", "0x10"], [], "second"],
  [[], AS_USER, "second"],
];

nextHopsTest(
  "IPv6 rules by mark, traffic class and user select the gateway",
  async (lab, source) => {
    const { from, first, second } = await gateways6(lab, [
      "--next-hops",
      source,
    ]);
    const ip = (line: string) => from.ip("-6", ...line.split(" "));
    await ip(`route add ${NETWORK6} via ${first.local} dev ib0`);
    await ip(`route add ${NETWORK6} via ${second.global} table 100`);
    await ip("rule add fwmark 1 table 100");
    await ip("rule add tos 0x10 table 100");
    await ip(`rule add uidrange ${USER}-${USER} table 100`);
    const found: GatewayName[] = [];
    for (const [options, prefix] of KERNEL) {
      found.push(await replying(from, options, prefix));
    }
    // A route query knows neither mark nor user.
    assertEquals(
      found,
      source === "program"
        ? KERNEL.map(([, , name]) => name)
        : ["first", "first", "second", "first"],
    );
    assert(await from.reaches(second.global));
    assert(await from.reaches(`${first.local}%ib0`));
  },
);

nextHopsTest(
  "An IPv6 multipath route sends each flow to one gateway, and rules by port apply",
  async (lab, source) => {
    const { from, first, second } = await gateways6(lab, [
      "--next-hops",
      source,
    ]);
    for (const { global, local } of [first, second]) {
      assert(await from.reaches(global));
      assert(await from.reaches(`${local}%ib0`));
    }
    await from.must("sysctl", "-qw", "net.ipv6.fib_multipath_hash_policy=1");
    await from.ip(
      ...["-6", "route", "add", NETWORK6],
      ...["nexthop", "via", first.local, "dev", "ib0", "weight", "1"],
      ...["nexthop", "via", second.global, "dev", "ib0", "weight", "3"],
    );
    const last = FIRST_PORT + FLOWS;
    await from.ip(
      ...["-6", "route", "add", NETWORK6, "via", first.global, "table", "100"],
    );
    await from.ip(
      ...["-6", "rule", "add", "ipproto", "udp", "sport", `${last}`],
      ...["table", "100"],
    );
    const ports = Array.from({ length: FLOWS + 1 }, (_, i) => FIRST_PORT + i);
    const kernel = await must(["ip", "-6", "-n", from.namespace, "-b", "-"], {
      stdin: ports.map((port) =>
        `route get ${TARGET6} from ${CLIENT6} ipproto udp sport ${port} dport ${PORT}\n`
      ).join(""),
    });
    const chosen = [...kernel.matchAll(/ via (\S+)/g)].map(([, gateway]) =>
      gateway === first.local || gateway === first.global ? "first" : "second"
    );
    assertEquals(new Set(chosen), new Set(["first", "second"]));

    using atFirst = UdpSocket.open(first.host, PORT, "::");
    using atSecond = UdpSocket.open(second.host, PORT, "::");
    const received = async (round: number): Promise<GatewayName[]> => {
      for (const [flow, port] of ports.entries()) {
        using sender = UdpSocket.open(from, port, CLIENT6);
        sender.send(TARGET6, PORT, Uint8Array.of(flow, round));
      }
      const found = new Map<number, GatewayName>();
      await until(`the datagrams of round ${round}`, () => {
        for (const [flow] of atFirst.receive()) found.set(flow!, "first");
        for (const [flow] of atSecond.receive()) found.set(flow!, "second");
        return Promise.resolve(found.size === ports.length);
      });
      return ports.map((_, flow) => found.get(flow)!);
    };
    const before = await received(0);
    assertEquals(await received(1), before);
    if (source === "program") assertEquals(before, chosen);
    else {
      assertEquals(new Set(before), new Set(["first", "second"]));
      assertEquals(before.at(-1), "first");
    }
  },
);

nextHopsTest(
  "IPv4 packets are routed via IPv6 gateways, link-local and global",
  async (lab, source) => {
    const { from, first, second } = await gateways6(lab, [
      "--next-hops",
      source,
    ]);
    const routes = [
      ["10.77.0", first.host, first.local],
      ["10.78.0", second.host, second.global],
    ] as const;
    for (const [network, host, gateway] of routes) {
      await host.ip("addr", "add", `${network}.1/32`, "dev", "lo");
      const words = [`${network}.0/24`, "via", "inet6", gateway];
      await from.ip("route", "add", ...words, "dev", "ib0");
      assertEquals(await from.ping(`${network}.1`), { sent: 5, received: 5 });
    }
    const { stdout } = await from.ipoib("neigh", "show");
    for (const [, , gateway] of routes) {
      assert(stdout.includes(`\n${gateway} dev ib0 lladdr 80:`), stdout);
    }
  },
);

nextHopsTest(
  "An IPv6 flow changes its gateway with routes, rules, nexthop objects, neighbours and addresses",
  async (lab, source) => {
    const { from, first, second } = await gateways6(lab, [
      "--next-hops",
      source,
    ]);
    // An address on the link, too, for the change of addresses.
    const onLink = [`${TARGET6}/128`, "dev", "ib0", "nodad"];
    await second.host.ip("-6", "addr", "add", ...onLink);
    const changes: readonly (readonly [string, GatewayName])[] = [
      [`route add ${NETWORK6} via ${first.local} dev ib0`, "first"],
      [`route replace ${NETWORK6} via ${second.global} dev ib0`, "second"],
      [`route add ${NETWORK6} via ${first.global} table 100`, "second"],
      [`rule add to ${NETWORK6} table 100`, "first"],
      [`rule del to ${NETWORK6} table 100`, "second"],
      [`nexthop add id 1 via ${first.local} dev ib0`, "second"],
      [`route add ${TARGET6} nhid 1`, "first"],
      [`nexthop replace id 1 via ${second.local} dev ib0`, "second"],
      [`nexthop replace id 1 via ${first.local} dev ib0`, "first"],
      [`neigh del ${first.local} dev ib0`, "first"],
      ["nexthop del id 1", "second"],
      [`route replace ${NETWORK6} via ${first.global} dev ib0`, "first"],
      ["addr add fd20::9/64 dev ib0 nodad", "second"],
      ["addr del fd20::9/64 dev ib0", "first"],
    ];
    for (const [line, expected] of changes) {
      await from.ip("-6", ...line.split(" "));
      await until(
        `${expected} to reply after "${line}"`,
        async () => await replying(from, ["-I", CLIENT6]) === expected,
      );
    }
  },
);
