import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../../src/base/clock.ts";
import type { NetConfig } from "../../src/netdev/netdev.ts";
import type { MembershipSource } from "../../src/netdev/memberships/kernel_memberships.ts";
import { openMemberships } from "../../src/netdev/memberships/open_memberships.ts";
import { parseIgmp } from "../../src/netdev/memberships/proc_memberships.ts";
import { setLinkUp } from "../../src/netdev/rtnetlink/link_set.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { openTap } from "../../src/netdev/tap/open_tap.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import {
  address,
  ip,
  kernelTest,
  openTestNetdev,
  Room,
  setMembership,
  udpSocket,
} from "./support.ts";

const IGMP = [
  "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter",
  "1\tlo        :     1      V3",
  "\t\t\t\t010000E0     1 0:00000000\t\t0",
  "13\tib0       :     2      V3",
  "\t\t\t\t010101EF     1 0:00000000\t\t0",
  "\t\t\t\t010000E0     1 0:00000000\t\t0",
  "",
].join("\n");

Deno.test("parseIgmp() finds the groups of one interface", () => {
  assertEquals(
    parseIgmp(IGMP, 13),
    new Set([ip("239.1.1.1"), ip("224.0.0.1")]),
  );
  assertEquals(parseIgmp(IGMP, 1), new Set([ip("224.0.0.1")]));
  assertEquals(parseIgmp(IGMP, 3), new Set());
  assertEquals(parseIgmp("\n\t\tzz\n13\n", 13), new Set());
});

function rtnetlinkWorks(): boolean {
  try {
    using room = new Room();
    using tap = openTap({ name: "ib0", netns: room.fd });
    openMemberships("rtnetlink", {
      reactor: room.reactor,
      netns: room.fd,
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

function follows(source: MembershipSource): void {
  using room = new Room();
  const netdev = openTestNetdev(room, { memberships: source });
  try {
    const { config } = netdev;
    assertEquals(config.membershipSource, source);
    assertEquals(config.memberships, []);
    let changes = 0;
    config.onChange((change) => {
      if (change === "membership") changes++;
    });
    netdev.setUp(true);
    assert(room.until(() => isMember(config, "224.0.0.1")));
    const before = config.memberships;
    using socket = udpSocket(room.fd);
    setMembership(socket, ip("239.1.1.1"), netdev.ifindex, true);
    netdev.noteReport(room.reactor.clock.now());
    assert(room.until(() => isMember(config, "239.1.1.1")));
    assertEquals(
      before,
      [address("224.0.0.1")],
      "an old list is left as it was",
    );
    setMembership(socket, ip("239.1.1.1"), netdev.ifindex, false);
    // Without a report it takes a poll.
    assert(room.until(() => !isMember(config, "239.1.1.1")));
    assertEquals(config.memberships, [address("224.0.0.1")]);
    assertEquals(changes, 3);
  } finally {
    netdev.close();
  }
}

const modern = rtnetlinkWorks();
if (modern) {
  kernelTest(
    "KernelMemberships follows joins and leaves",
    () => follows("rtnetlink"),
  );
} else {
  Deno.test({
    name:
      "KernelMemberships follows joins and leaves (skipped: the kernel has no IPv4 membership events, or no root)",
    ignore: true,
    fn: () => {},
  });
}

kernelTest("ProcMemberships follows joins and leaves", () => follows("proc"));

kernelTest("auto takes rtnetlink where the kernel has it", () => {
  using room = new Room();
  const netdev = openTestNetdev(room);
  assertEquals(netdev.config.membershipSource, modern ? "rtnetlink" : "proc");
  netdev.close();
});

for (
  const source of modern ? ["rtnetlink", "proc"] as const : ["proc"] as const
) {
  kernelTest(
    `changes of very many memberships wait, --memberships ${source}`,
    () => {
      const clock = new FakeClock(1000);
      using room = new Room();
      const reactor = new PollReactor(clock);
      using tap = openTap({ name: "ib0", netns: room.fd });
      using requests = new RequestSocket(room.fd);
      setLinkUp(requests, tap.ifindex, true);
      let changes = 0;
      const memberships = openMemberships(source, {
        reactor,
        netns: room.fd,
        ifindex: tap.ifindex,
        changed: () => changes++,
      });
      const count = 1500;
      const sockets = Array.from(
        { length: count / 15 + 1 },
        () => udpSocket(room.fd),
      );
      for (let i = 0; i < count; i++) {
        const socket = sockets[Math.floor(i / 15)]!;
        setMembership(socket, ip("239.1.0.0") + i, tap.ifindex, true);
      }
      const look = () => {
        memberships.noteReport(clock.now());
        // One turn takes the events, the next one what became due by them.
        for (let i = 0; i < 3; i++) reactor.turn(0);
      };
      // The events of one turn are bounded.
      for (let i = 0; i < 2; i++) {
        clock.advance(5000);
        look();
      }
      assertEquals(memberships.groups.size, count + 1);
      changes = 0;
      const toggle = (on: boolean) =>
        setMembership(sockets.at(-1)!, ip("239.2.0.0"), tap.ifindex, on);
      for (let i = 0; i < 25; i++) {
        toggle(i % 2 === 0);
        look();
        clock.advance(1);
      }
      assertEquals(changes, 0);
      clock.advance(10);
      look();
      assertEquals([changes, memberships.groups.size], [1, count + 2]);
      memberships.close();
      for (const socket of sockets) socket.close();
    },
  );
}

kernelTest("ProcMemberships reads at its times and at reports only", () => {
  const clock = new FakeClock(1000);
  using room = new Room();
  const reactor = new PollReactor(clock);
  using tap = openTap({ name: "ib0", netns: room.fd });
  using requests = new RequestSocket(room.fd);
  setLinkUp(requests, tap.ifindex, true);
  let changes = 0;
  const memberships = openMemberships("proc", {
    reactor,
    netns: room.fd,
    ifindex: tap.ifindex,
    changed: () => changes++,
  });
  using socket = udpSocket(room.fd);
  const group = (i: number) => ip("239.1.1.0") + i;
  setMembership(socket, group(1), tap.ifindex, true);
  clock.advance(999);
  reactor.turn(0);
  assertEquals(changes, 0);
  clock.advance(1);
  reactor.turn(0);
  assertEquals(changes, 1);
  // At a report, but not sooner than 20 ms after the last read.
  setMembership(socket, group(2), tap.ifindex, true);
  memberships.noteReport(clock.now());
  reactor.turn(0);
  assertEquals(changes, 1);
  clock.advance(20);
  reactor.turn(0);
  assertEquals(changes, 2);
  clock.advance(100);
  // More groups than one read of the file brings.
  const sockets = Array.from({ length: 10 }, () => udpSocket(room.fd));
  sockets.forEach((one, i) => {
    for (let j = 0; j < 18; j++) {
      setMembership(one, group(10 + i * 18 + j), tap.ifindex, true);
    }
  });
  memberships.noteReport(clock.now());
  reactor.turn(0);
  assertEquals(memberships.groups.size, 1 + 2 + 180);
  memberships.close();
  for (const one of sockets) one.close();
});

kernelTest(
  "ProcMemberships of a worker reads the namespace that it was given",
  async () => {
    const support = new URL("./support.ts", import.meta.url).href;
    const source = `
    import { ip, openTestNetdev, Room, setMembership, udpSocket } from ${
      JSON.stringify(support)
    };
    const room = new Room();
    const netdev = openTestNetdev(room, { memberships: "proc" });
    netdev.setUp(true);
    const socket = udpSocket(room.fd);
    setMembership(socket, ip("239.9.9.9"), netdev.ifindex, true);
    const seen = room.until(() => netdev.config.memberships.some((each) => String(each) === "239.9.9.9"));
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
