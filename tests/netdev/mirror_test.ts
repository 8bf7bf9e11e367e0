import { configure, ipTest } from "./tap_support.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { configureLog } from "../../src/base/log.ts";
import { IpoibError } from "../../src/base/errors.ts";
import type { ConfigChange, Flow, Route } from "../../src/netdev/net_config.ts";
import type { TapNetdev } from "../../src/netdev/open_netdev.ts";
import { ConfigMirror } from "../../src/netdev/rtnetlink/mirror.ts";
import { lookupRoutes } from "../../src/netdev/rtnetlink/route_legs.ts";
import { MessageBuilder } from "../../src/netdev/rtnetlink/message.ts";
import { setLink, setLinkMtu } from "../../src/netdev/rtnetlink/link_set.ts";
import { patient } from "../../scripts/machine.ts";
import { addAddress } from "../../scripts/address.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { openTap } from "../../src/netdev/tap/open_tap.ts";
import {
  address,
  ip,
  kernelTest,
  openTestNetdev,
  TestNamespace,
} from "./support.ts";

const RTM_SETLINK = 19;
const RTM_DELLINK = 17;
const NLM_F_ACK = 4;
const IFLA_IFNAME = 3;
const IFLA_NET_NS_FD = 28;

class Scene implements Disposable {
  readonly netns = new TestNamespace();
  readonly netdev: TapNetdev;
  readonly changes: ConfigChange[] = [];
  readonly requests: RequestSocket;

  constructor() {
    this.netdev = openTestNetdev(this.netns);
    this.requests = new RequestSocket(this.netns.fd);
    this.netdev.config.onChange((change) => this.changes.push(change));
  }

  /** Runs the loop and returns the kinds of changes since the last call, sorted, without duplicates. */
  take(): ConfigChange[] {
    this.netns.settle();
    return [...new Set(this.changes.splice(0))].sort();
  }

  [Symbol.dispose](): void {
    this.netdev.close();
    this.requests.close();
    this.netns[Symbol.dispose]();
  }
}

function link(type: number, ifindex: number): MessageBuilder {
  return new MessageBuilder(type, NLM_F_ACK)
    .u8(0).u8(0).u16(0).u32(ifindex).u32(0).u32(0);
}

ipTest("ConfigMirror follows addresses", () => {
  using scene = new Scene();
  const { config, ifindex } = scene.netdev;
  assertEquals(config.addresses, []);
  addAddress(scene.requests, ifindex, "10.0.0.1/24");
  addAddress(scene.requests, ifindex, "10.0.0.7/24");
  addAddress(scene.requests, ifindex, "10.9.9.9/32");
  configure(scene.netns, "addr add 10.8.0.1 peer 10.8.0.2/32 dev ib0");
  assert(scene.take().includes("address"));
  const base = { scope: 0, secondary: false };
  assertEquals(config.addresses, [
    {
      ...base,
      address: address("10.0.0.1"),
      prefixLength: 24,
      broadcast: address("10.0.0.255"),
    },
    {
      ...base,
      address: address("10.0.0.7"),
      prefixLength: 24,
      broadcast: address("10.0.0.255"),
      secondary: true,
    },
    {
      ...base,
      address: address("10.9.9.9"),
      prefixLength: 32,
      broadcast: undefined,
    },
    {
      ...base,
      address: address("10.8.0.1"),
      prefixLength: 32,
      broadcast: undefined,
    },
  ]);
  assert(config.isLocal(address("10.0.0.7")));
  configure(scene.netns, "addr del 10.0.0.7/24 dev ib0");
  assert(scene.take().includes("address"));
  assert(!config.isLocal(address("10.0.0.7")));
  assertEquals(config.addresses.length, 3);
});

kernelTest("requests throw errors with the kernel's errno", () => {
  using scene = new Scene();
  const add = () =>
    addAddress(scene.requests, scene.netdev.ifindex, "10.0.0.1/24");
  add();
  const taken = assertThrows(
    add,
    IpoibError,
    "Cannot add address 10.0.0.1/24",
  );
  assertEquals(taken.errno, 17);
  const missing = assertThrows(
    () => setLink(scene.requests, 9999, { up: true }),
    IpoibError,
  );
  assertEquals(missing.errno, 19);
});

kernelTest("ConfigMirror follows the carrier", () => {
  using scene = new Scene();
  const { config, ifindex } = scene.netdev;
  setLink(scene.requests, ifindex, { up: true });
  scene.take();
  for (const on of [true, false]) {
    // The kernel may report the change with a delay.
    scene.netdev.setCarrier(on);
    assert(scene.netns.until(() => config.carrier === on));
    assert(scene.take().includes("link"));
  }
});

kernelTest("ConfigMirror follows flags, MTU and name", () => {
  using scene = new Scene();
  const { config, ifindex } = scene.netdev;
  assertEquals([config.up, config.mtu, config.name], [false, 1500, "ib0"]);
  setLink(scene.requests, ifindex, { up: true });
  assert(scene.take().includes("link"));
  assertEquals(config.up, true);
  setLinkMtu(scene.requests, ifindex, 4092);
  assert(scene.take().includes("link"));
  assertEquals(config.mtu, 4092);
  setLink(scene.requests, ifindex, { up: false });
  assert(scene.take().includes("link"));
  assertEquals(config.up, false);
  scene.requests.request(
    link(RTM_SETLINK, ifindex).attributeString(IFLA_IFNAME, "blue0"),
    "E",
    "rename",
  );
  assert(scene.take().includes("link"));
  assertEquals(config.name, "blue0");
  assertEquals(scene.netdev.name, "ib0");
  assertEquals(scene.take(), []);
});

function flow(destination: string, source: number): Flow {
  return {
    destination: IpAddress.ipv4(ip(destination)),
    source: IpAddress.ipv4(source),
    tos: 0,
    protocol: 17,
    sourcePort: 4000,
    destinationPort: 9,
  };
}

function unicast(nextHop: string): Route {
  return {
    type: "unicast",
    legs: [{ nextHop: IpAddress.ipv4(ip(nextHop)), weight: 1 }],
  };
}

ipTest("ConfigMirror.route() returns the kernel's routes", () => {
  using scene = new Scene();
  const { config, ifindex } = scene.netdev;
  addAddress(scene.requests, ifindex, "10.0.0.1/24");
  setLink(scene.requests, ifindex, { up: true });
  scene.take();
  const own = ip("10.0.0.1");
  const to = (text: string, source = own) => config.route(flow(text, source));
  assertEquals(to("10.0.0.9"), unicast("10.0.0.9"));
  assertEquals(to("10.0.0.255"), { type: "broadcast" });
  assertEquals(to("255.255.255.255"), { type: "broadcast" });
  assertEquals(to("239.1.1.1"), { type: "multicast" });
  assertEquals(to("10.0.0.1"), { type: "none" });

  configure(scene.netns, "route add 10.20.0.0/16 via 10.0.0.2");
  assert(scene.take().includes("route"));
  const via = unicast("10.0.0.2");
  assertEquals(to("10.20.3.4"), via);
  // The source of a forwarded packet, and no source.
  assertEquals(to("10.20.3.4", ip("172.16.0.1")), via);
  assertEquals(to("10.20.3.4", 0), via);
  configure(scene.netns, "route add default via 10.0.0.3 dev ib0");
  assertEquals(to("8.8.8.8"), unicast("10.0.0.3"));
  configure(scene.netns, "route del 10.20.0.0/16");
  assert(scene.take().includes("route"));
  assertEquals(to("10.20.3.4"), unicast("10.0.0.3"));
});

ipTest("ConfigMirror.routesByPort follows policy routing rules", () => {
  using scene = new Scene();
  const { config } = scene.netdev;
  assertEquals(config.routesByPort, false);
  const rule = "rule add from 10.9.0.0/16";
  configure(scene.netns, `${rule} table 100`);
  assert(scene.take().includes("route"));
  assertEquals(config.routesByPort, false);
  for (const match of ["ipproto icmp", "sport 53", "dport 53-60"]) {
    configure(scene.netns, `${rule} ${match} table 101`);
    assert(scene.take().includes("route"));
    assertEquals(config.routesByPort, true, match);
    configure(scene.netns, "rule del from 10.9.0.0/16 table 101");
    assert(scene.take().includes("route"));
    assertEquals(config.routesByPort, false);
  }
});

ipTest(
  "ConfigMirror reports a change of routes after each IPv6 event that affects them",
  () => {
    using scene = new Scene();
    configure(
      scene.netns,
      `link add v0 type veth peer name v1
      link set v1 up
      link set ib0 up
      -6 addr add fd00::1/64 dev ib0 nodad`,
    );
    scene.netdev.setCarrier(true);
    assert(scene.take().includes("route"));
    for (
      const event of [
        "-6 route add fd05::/64 via fd00::7",
        "-6 route replace fd05::/64 via fd00::8",
        "-6 route append fd05::/64 via fd00::9",
        "-6 route del fd05::/64 via fd00::9",
        "-6 rule add fwmark 1 table 100",
        "-6 rule del fwmark 1 table 100",
        "-6 nexthop add id 1 via fd00::7 dev ib0",
        "-6 nexthop replace id 1 via fd00::8 dev ib0",
        "-6 nexthop del id 1",
        "-6 addr add fd01::1/64 dev ib0 nodad",
        "-6 addr del fd01::1/64 dev ib0",
        "link set v0 up",
        "link set v0 down",
      ]
    ) {
      configure(scene.netns, event);
      assert(scene.take().includes("route"), event);
      assertEquals(scene.take(), []);
    }
  },
);

kernelTest("ConfigMirror.route() returns none if the kernel refuses", () => {
  using scene = new Scene();
  const { config } = scene.netdev;
  // The interface is down.
  assertEquals(config.route(flow("10.0.0.2", 0)), { type: "none" });
  scene.netdev.change({ up: true });
  // No such interface.
  assertEquals(lookupRoutes(scene.requests, 9999, flow("10.0.0.2", 0)), {
    type: "none",
  });
});

kernelTest(
  "ConfigMirror reports that its interface is gone, and logs that it was deleted",
  () => {
    const lines: string[] = [];
    configureLog("info", { write: (line) => lines.push(line) });
    using scene = new Scene();
    const { config, ifindex } = scene.netdev;
    addAddress(scene.requests, ifindex, "10.0.0.1/24");
    setLink(scene.requests, ifindex, { up: true });
    scene.take();
    scene.requests.request(link(RTM_DELLINK, ifindex), "E", "delete a link");
    assertEquals(scene.take(), ["gone"]);
    assertEquals(lines, ["ib0: warning: The network device was deleted\n"]);
    assertEquals(config.up, false);
    assertEquals(config.addresses, []);
    assertEquals(config.memberships, []);
    assertEquals(config.route(flow("10.0.0.2", 0)), { type: "none" });
    // The TAP descriptor stays ready, but must not wake the loop again and again.
    scene.take();
    let turns = 0;
    scene.netns.reactor.onTurnEnd(() => turns++);
    scene.netns.settle(50);
    assert(turns <= patient(10), `${turns} turns`);
  },
);

ipTest(
  "ConfigMirror logs why it cannot follow its interface, and not that it was deleted",
  () => {
    const lines: string[] = [];
    configureLog("info", { write: (line) => lines.push(line) });
    using netns = new TestNamespace();
    using other = new TestNamespace();
    using tap = openTap({ name: "ib0", netns: netns.fd });
    const mirror = new ConfigMirror({
      reactor: netns.reactor,
      netns: netns.fd,
      ifindex: tap.ifindex,
      locate: () => {
        throw new IpoibError("E_TEST", "Operation not permitted");
      },
    });
    try {
      let gone = false;
      mirror.onChange((change) => gone ||= change === "gone");
      configure(netns, `link set ib0 netns /proc/${Deno.pid}/fd/${other.fd}`);
      assert(netns.until(() => gone));
      assertEquals(lines, [
        "ib0: error: Cannot follow ib0 to another network namespace: Operation not permitted\n",
      ]);
    } finally {
      mirror.close();
    }
  },
);

kernelTest("ConfigMirror follows an interface to another namespace", () => {
  using scene = new Scene();
  using other = new TestNamespace();
  const { config, ifindex } = scene.netdev;
  addAddress(scene.requests, ifindex, "10.0.0.1/24");
  scene.take();
  assertEquals(config.addresses.length, 1);
  scene.requests.request(
    link(RTM_SETLINK, ifindex).attributeU32(IFLA_NET_NS_FD, other.fd),
    "E",
    "move a link",
  );
  const changes = scene.take();
  assert(!changes.includes("gone"));
  assert(changes.includes("address"));
  assertEquals(config.addresses, []);
  using there = new RequestSocket(other.fd);
  addAddress(there, config.ifindex, "10.5.0.1/24");
  scene.take();
  assertEquals(config.addresses[0]!.address, address("10.5.0.1"));
  scene.netdev.change({ up: true });
  scene.take();
  assertEquals(config.up, true);
});

ipTest(
  "ConfigMirror counts removals of IPv6 addresses that it reads late",
  () => {
    using scene = new Scene();
    const { config, ifindex } = scene.netdev;
    setLink(scene.requests, ifindex, { up: true });
    scene.take();
    const before = config.ipv6Removals;
    setLink(scene.requests, ifindex, { up: false });
    setLink(scene.requests, ifindex, { up: true });
    assert(scene.take().includes("link"));
    assertEquals(config.ipv6Removals, before + 1);
    setLinkMtu(scene.requests, ifindex, 1279);
    setLinkMtu(scene.requests, ifindex, 1280);
    assert(scene.take().includes("link"));
    assertEquals(config.ipv6Removals, before + 2);
    setLinkMtu(scene.requests, ifindex, 1400);
    scene.take();
    assertEquals(config.ipv6Removals, before + 2);
  },
);

kernelTest(
  "ConfigMirror reads the whole configuration after a loss of events",
  () => {
    using netns = new TestNamespace();
    using tap = openTap({ name: "ib0", netns: netns.fd });
    using requests = new RequestSocket(netns.fd);
    const mirror = new ConfigMirror({
      reactor: netns.reactor,
      netns: netns.fd,
      ifindex: tap.ifindex,
      receiveBuffer: 2048,
    });
    try {
      const changes = new Set<ConfigChange>();
      mirror.onChange((change) => changes.add(change));
      for (let i = 1; i <= 200; i++) {
        addAddress(requests, tap.ifindex, `10.0.${i}.1/24`);
      }
      setLinkMtu(requests, tap.ifindex, 2044);
      setLink(requests, tap.ifindex, { up: true });
      netns.settle();
      assertEquals(mirror.addresses.length, 200);
      assertEquals([mirror.mtu, mirror.up], [2044, true]);
      // The interface may have been down between the lost events.
      assertEquals(mirror.ipv6Removals, 1);
      assert(mirror.memberships.some((each) => String(each) === "224.0.0.1"));
      assert(
        ["address", "link", "route"].every((one) =>
          changes.has(one as ConfigChange)
        ),
      );
    } finally {
      mirror.close();
    }
  },
);

kernelTest("ConfigMirror throws for a missing interface", () => {
  using netns = new TestNamespace();
  const error = assertThrows(
    () =>
      new ConfigMirror({
        reactor: netns.reactor,
        netns: netns.fd,
        ifindex: 12345,
      }),
    IpoibError,
  );
  assertEquals(error.code, "E_NETDEV_GONE");
});
