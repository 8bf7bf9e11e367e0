import type { IpAddress } from "../../src/wire/ip_address.ts";
import { assert, assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { FakeClock } from "../../src/base/clock.ts";
import { Errno } from "../../src/base/errno.ts";
import { configureLog } from "../../src/base/log.ts";
import type { NetConfig } from "../../src/netdev/net_config.ts";
import type { MembershipSource } from "../../src/netdev/memberships/kernel_memberships.ts";
import { openMemberships } from "../../src/netdev/memberships/open_memberships.ts";
import {
  parseIgmp,
  parseIgmp6,
} from "../../src/netdev/memberships/proc_memberships.ts";
import { setLink } from "../../src/netdev/rtnetlink/link_set.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { openTap } from "../../src/netdev/tap/open_tap.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import {
  address,
  ip,
  kernelTest,
  openTestNetdev,
  setMembership,
  TestNamespace,
  udpSocket,
} from "./support.ts";
import { configure } from "./tap_support.ts";
import { testWhere } from "../test_where.ts";
import { FailingCall } from "../system/failing_call.ts";

const IGMP = [
  "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter",
  "1\tlo        :     1      V3",
  "\t\t\t\t010000E0     1 0:00000000\t\t0",
  "13\tib0       :     2      V3",
  "\t\t\t\t010101EF     1 0:00000000\t\t0",
  "\t\t\t\t010000E0     1 0:00000000\t\t0",
  "",
].join("\n");

Deno.test("parseIgmp() returns the groups of one interface", () => {
  assertEquals(
    parseIgmp(IGMP, 13),
    new Set([ip("239.1.1.1"), ip("224.0.0.1")]),
  );
  assertEquals(parseIgmp(IGMP, 1), new Set([ip("224.0.0.1")]));
  assertEquals(parseIgmp(IGMP, 3), new Set());
  assertEquals(parseIgmp("\n\t\tzz\n13\n", 13), new Set());
});

Deno.test("parseIgmp6() returns the groups of one interface", () => {
  const text =
    `13   ib0             ff0200000000000000000001ff000002     1 00000004 0
13   ib0             ff020000000000000000000000000001     1 0000000C 0
1    lo              ff010000000000000000000000000001     1 00000008 0
x
`;
  assertEquals(parseIgmp6(text, 13).map(String), [
    "ff02::1:ff00:2",
    "ff02::1",
  ]);
  assertEquals(parseIgmp6(text, 3), []);
});

function rtnetlinkWorks(): boolean {
  try {
    using netns = new TestNamespace();
    using tap = openTap({ name: "ib0", netns: netns.fd });
    openMemberships("rtnetlink", {
      reactor: netns.reactor,
      netns: netns.fd,
      ifindex: tap.ifindex,
      changed: () => {},
    }).close();
    return true;
  } catch {
    return false;
  }
}

function isMember({ memberships }: NetConfig, group: string): boolean {
  return memberships.some((each) => String(each) === group);
}

/** The IPv4 groups; the kernel is a member of ff01::1 and ff02::1 from the start. */
function ipv4Groups(groups: Iterable<IpAddress>): IpAddress[] {
  return [...groups].filter(({ isIpv4 }) => isIpv4);
}

function follows(source: MembershipSource): void {
  using netns = new TestNamespace();
  const netdev = openTestNetdev(netns, { memberships: source });
  try {
    const { config } = netdev;
    assertEquals(config.membershipSource, source);
    assertEquals(ipv4Groups(config.memberships), []);
    assert(isMember(config, "ff02::1"));
    let changes = 0;
    config.onChange((change) => {
      if (change === "membership") changes++;
    });
    netdev.change({ up: true });
    assert(netns.until(() => isMember(config, "224.0.0.1")));
    const before = config.memberships;
    using socket = udpSocket(netns.fd);
    setMembership(socket, ip("239.1.1.1"), netdev.ifindex, true);
    netdev.noteReport(netns.reactor.clock.now());
    assert(netns.until(() => isMember(config, "239.1.1.1")));
    assertEquals(
      ipv4Groups(before),
      [address("224.0.0.1")],
      "an old list is not changed",
    );
    setMembership(socket, ip("239.1.1.1"), netdev.ifindex, false);
    // Without noteReport(), `proc` detects the change at its next poll.
    assert(netns.until(() => !isMember(config, "239.1.1.1")));
    assertEquals(ipv4Groups(config.memberships), [address("224.0.0.1")]);
    assert(changes >= 3);
    // The kernel joins the solicited-node group of an address.
    configure(netns, "addr add fd00::12:3456/64 dev ib0 nodad");
    assert(netns.until(() => isMember(config, "ff02::1:ff12:3456")));
  } finally {
    netdev.close();
  }
}

const hasEvents = rtnetlinkWorks();
testWhere(
  hasEvents
    ? undefined
    : "the kernel has no IPv4 membership events, or needs root",
  "RtnetlinkMemberships follows joins and leaves",
  () => follows("rtnetlink"),
);

kernelTest("ProcMemberships follows joins and leaves", () => follows("proc"));

kernelTest(
  "openMemberships() with `auto` selects rtnetlink if available",
  () => {
    using netns = new TestNamespace();
    const netdev = openTestNetdev(netns);
    assertEquals(
      netdev.config.membershipSource,
      hasEvents ? "rtnetlink" : "proc",
    );
    netdev.close();
  },
);

const sources: readonly MembershipSource[] = hasEvents
  ? ["rtnetlink", "proc"]
  : ["proc"];
for (const source of sources) {
  kernelTest(
    `openMemberships(): with very many groups, ${source} pauses between updates`,
    () => {
      const clock = new FakeClock(1000);
      using netns = new TestNamespace();
      const reactor = new PollReactor(clock);
      using tap = openTap({ name: "ib0", netns: netns.fd });
      using requests = new RequestSocket(netns.fd);
      setLink(requests, tap.ifindex, { up: true });
      let changes = 0;
      const memberships = openMemberships(source, {
        reactor,
        netns: netns.fd,
        ifindex: tap.ifindex,
        changed: () => changes++,
      });
      const count = 1500;
      const sockets = Array.from(
        { length: count / 15 + 1 },
        () => udpSocket(netns.fd),
      );
      for (let i = 0; i < count; i++) {
        const socket = sockets[Math.floor(i / 15)]!;
        setMembership(socket, ip("239.1.0.0") + i, tap.ifindex, true);
      }
      const update = () => {
        memberships.noteReport(clock.now());
        // One turn reads the events, the next one runs the timer that they set.
        for (let i = 0; i < 3; i++) reactor.turn(0);
      };
      // Twice, because the number of events per turn is bounded.
      for (let i = 0; i < 2; i++) {
        clock.advance(5000);
        update();
      }
      assertEquals(ipv4Groups(memberships.groups.values()).length, count + 1);
      changes = 0;
      const toggle = (on: boolean) =>
        setMembership(sockets.at(-1)!, ip("239.2.0.0"), tap.ifindex, on);
      for (let i = 0; i < 25; i++) {
        toggle(i % 2 === 0);
        update();
        clock.advance(1);
      }
      assertEquals(changes, 0);
      clock.advance(10);
      update();
      assertEquals([changes, ipv4Groups(memberships.groups.values()).length], [
        1,
        count + 2,
      ]);
      memberships.close();
      for (const socket of sockets) socket.close();
    },
  );
}

for (const source of sources) {
  kernelTest(
    `openMemberships(): if a read is refused, ${source} keeps the groups and reads them after a second`,
    () => {
      const lines: string[] = [];
      configureLog("warning", { write: (text) => void lines.push(text) });
      const clock = new FakeClock(1000);
      using netns = new TestNamespace();
      const reactor = new PollReactor(clock);
      using tap = openTap({ name: "ib0", netns: netns.fd });
      using requests = new RequestSocket(netns.fd);
      const memberships = openMemberships(source, {
        ...{ reactor, netns: netns.fd, ifindex: tap.ifindex },
        changed: () => {},
      });
      const groups = () => ipv4Groups(memberships.groups.values()).map(String);
      setLink(requests, tap.ifindex, { up: true });
      clock.advance(1000);
      {
        const { ENOBUFS, ENOMEM } = Errno;
        // A loss of events makes `rtnetlink` read the groups.
        using _lost = new FailingCall(libc(), "recv", 1, ENOBUFS);
        const read = source === "proc" ? "pread" : "send";
        using failing = new FailingCall(libc(), read, 1, ENOMEM);
        for (let i = 0; i < 2; i++) reactor.turn(0);
        assertEquals(failing.failed, true);
      }
      assertEquals(groups(), []);
      assertEquals(lines.length, 1, lines.join());
      for (const [ms, expected] of [[999, []], [1, ["224.0.0.1"]]] as const) {
        clock.advance(ms);
        for (let i = 0; i < 2; i++) reactor.turn(0);
        assertEquals(groups(), [...expected]);
      }
      memberships.close();
    },
  );
}

kernelTest("ProcMemberships reads every second and after reports", () => {
  const clock = new FakeClock(1000);
  using netns = new TestNamespace();
  const reactor = new PollReactor(clock);
  using tap = openTap({ name: "ib0", netns: netns.fd });
  using requests = new RequestSocket(netns.fd);
  setLink(requests, tap.ifindex, { up: true });
  let changes = 0;
  const memberships = openMemberships("proc", {
    reactor,
    netns: netns.fd,
    ifindex: tap.ifindex,
    changed: () => changes++,
  });
  using socket = udpSocket(netns.fd);
  const group = (i: number) => ip("239.1.1.0") + i;
  setMembership(socket, group(1), tap.ifindex, true);
  clock.advance(999);
  reactor.turn(0);
  assertEquals(changes, 0);
  clock.advance(1);
  reactor.turn(0);
  assertEquals(changes, 1);
  // After a report, but at least 20 ms after the previous read.
  setMembership(socket, group(2), tap.ifindex, true);
  memberships.noteReport(clock.now());
  reactor.turn(0);
  assertEquals(changes, 1);
  clock.advance(20);
  reactor.turn(0);
  assertEquals(changes, 2);
  clock.advance(100);
  // More groups than one read(2) of the file returns.
  const sockets = Array.from({ length: 10 }, () => udpSocket(netns.fd));
  sockets.forEach((one, i) => {
    for (let j = 0; j < 18; j++) {
      setMembership(one, group(10 + i * 18 + j), tap.ifindex, true);
    }
  });
  memberships.noteReport(clock.now());
  reactor.turn(0);
  assertEquals(ipv4Groups(memberships.groups.values()).length, 1 + 2 + 180);
  memberships.close();
  for (const one of sockets) one.close();
});

kernelTest(
  "ProcMemberships in a worker reads the given namespace",
  async () => {
    const support = new URL("./support.ts", import.meta.url).href;
    const source = `
    import { ip, openTestNetdev, TestNamespace, setMembership, udpSocket } from ${
      JSON.stringify(support)
    };
    const netns = new TestNamespace();
    const netdev = openTestNetdev(netns, { memberships: "proc" });
    netdev.change({ up: true });
    const socket = udpSocket(netns.fd);
    setMembership(socket, ip("239.9.9.9"), netdev.ifindex, true);
    const seen = netns.until(() => netdev.config.memberships.some((each) => String(each) === "239.9.9.9"));
    netdev.close();
    self.postMessage(seen);`;
    const url = URL.createObjectURL(
      new Blob([source], { type: "text/typescript" }),
    );
    const worker = new Worker(url, { type: "module" });
    const seen = await new Promise((resolve) => {
      worker.onmessage = (event) => resolve(event.data);
    });
    worker.terminate();
    URL.revokeObjectURL(url);
    assertEquals(seen, true);
  },
);
