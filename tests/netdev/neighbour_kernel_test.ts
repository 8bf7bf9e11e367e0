import {
  dumpNeighbours,
  NeighbourState,
} from "../../src/netdev/rtnetlink/neighbour.ts";
import { assert, assertEquals } from "@std/assert";
import {
  changeNeighbours,
  type NeighbourChange,
} from "../../src/netdev/rtnetlink/neighbour_set.ts";
import { setLink, setLinkMtu } from "../../src/netdev/rtnetlink/link_set.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { changes, OWN, PEER, PEER6, Scene } from "./neighbour_scene.ts";
import { ip, kernelTest } from "./support.ts";
import {
  configure,
  ipTest,
  sendPacket,
  setKernel,
  Tap,
} from "./tap_support.ts";
import { ipAddress } from "../wire/support.ts";

const REQUEST = {
  operation: 1,
  hardwareLength: 0,
  sender: ip(OWN),
  target: ip(PEER),
  broadcast: true,
} as const;

kernelTest(
  "the kernel sends a request and, after a reply, an event for REACHABLE",
  () => {
    using scene = new Scene();
    sendPacket(scene.netns, PEER);
    assertEquals(scene.tap.arps(), [REQUEST]);
    assertEquals(scene.state(PEER), "INCOMPLETE");
    // The kernel sends no event for a new INCOMPLETE entry.
    assertEquals(scene.take(), []);
    scene.tap.arp(PEER, OWN);
    assertEquals(scene.take(), [`${PEER} REACHABLE`]);
    assertEquals(scene.state(PEER), "REACHABLE");
    const [record] = scene.records;
    assert(record!.confirmed < 60);
  },
);

kernelTest("the sender of a request becomes STALE", () => {
  using scene = new Scene();
  scene.tap.arp(PEER, OWN, 1);
  assertEquals(scene.take(), [`${PEER} STALE`]);
  const [reply] = scene.tap.arps();
  assertEquals([reply!.operation, reply!.sender], [2, ip(OWN)]);
  assertEquals(scene.state(PEER), "STALE");
});

kernelTest("an address that does not reply becomes FAILED", () => {
  using scene = new Scene();
  setKernel(scene.netns, "ipv4/neigh/ib0/retrans_time_ms", 20);
  sendPacket(scene.netns, PEER);
  assert(scene.receives(`${PEER} FAILED`), scene.events.join());
  assertEquals(scene.tap.arps(), [REQUEST, REQUEST, REQUEST]);
});

kernelTest(
  "fail: the next packet triggers an immediate broadcast request",
  () => {
    using scene = new Scene();
    assertEquals(changes(scene.tap, "fail", PEER), false);
    assertEquals(scene.state(PEER), undefined, "no entry is created");
    scene.resolve();
    assertEquals(changes(scene.tap, "fail", PEER), true);
    assertEquals(scene.take(), [`${PEER} FAILED`]);
    assertEquals(scene.tap.arps(), [], "no request before the packet");
    sendPacket(scene.netns, PEER);
    assertEquals(scene.tap.arps(), [REQUEST]);
    scene.tap.arp(PEER, OWN);
    assertEquals(scene.take(), [`${PEER} REACHABLE`]);
  },
);

kernelTest("use: resolution starts", () => {
  using scene = new Scene();
  assert(changes(scene.tap, "use", PEER), "a new entry");
  assertEquals(scene.tap.arps(), [REQUEST]);
  assertEquals(scene.state(PEER), "INCOMPLETE");
  scene.tap.arp(PEER, OWN);
  assertEquals(scene.take(), [`${PEER} REACHABLE`]);
  assert(changes(scene.tap, "use", PEER), "a reachable entry");
  assertEquals([scene.tap.arps(), scene.state(PEER)], [[], "REACHABLE"]);
  changes(scene.tap, "fail", PEER);
  assert(changes(scene.tap, "use", PEER), "a failed entry");
  assertEquals(scene.tap.arps(), [REQUEST]);
  assert(changes(scene.tap, "use", PEER6));
  assertEquals(scene.state(PEER6), "INCOMPLETE");
});

ipTest(
  "permanent: the entry survives a flush and a loss of carrier, but not the link going down",
  () => {
    using scene = new Scene();
    const { requests, ifindex } = scene.tap;
    for (const peer of [PEER, PEER6]) {
      assert(changes(scene.tap, "permanent", peer));
    }
    assertEquals(scene.take(), [`${PEER} PERMANENT`, `${PEER6} PERMANENT`]);
    scene.resolve("10.0.0.8");
    configure(scene.netns, "neigh flush dev ib0");
    assertEquals(scene.take(), ["10.0.0.8 FAILED", "10.0.0.8 FAILED deleted"]);
    assertEquals([PEER, PEER6].map((peer) => scene.state(peer)), [
      "PERMANENT",
      "PERMANENT",
    ]);
    scene.resolve("10.0.0.8");
    scene.tap.setCarrier(false);
    assert(scene.receives("10.0.0.8 REACHABLE deleted"), scene.events.join());
    assertEquals(scene.state(PEER), "PERMANENT");
    scene.events.length = 0;
    setLink(requests, ifindex, { up: false });
    assertEquals(scene.take().sort(), [
      `${PEER} PERMANENT deleted`,
      `${PEER6} PERMANENT deleted`,
    ]);
  },
);

kernelTest("each change ends the state PERMANENT", () => {
  using scene = new Scene();
  const after = (change: NeighbourChange) => {
    assert(changes(scene.tap, "permanent", PEER));
    assert(changes(scene.tap, change, PEER));
    return scene.state(PEER);
  };
  assertEquals(after("fail"), "FAILED");
  assertEquals(after("stale"), "STALE");
  assertEquals(after("delete"), undefined);
  assertEquals(after("use"), "INCOMPLETE");
});

kernelTest("stale and delete change existing entries only", () => {
  using scene = new Scene();
  assertEquals(changes(scene.tap, "stale", PEER), false);
  assertEquals(changes(scene.tap, "delete", PEER), false);
  scene.resolve();
  assert(changes(scene.tap, "stale", PEER));
  assertEquals(scene.take(), [`${PEER} STALE`]);
  assert(changes(scene.tap, "delete", PEER));
  assertEquals(scene.take(), [`${PEER} FAILED`, `${PEER} FAILED deleted`]);
  assertEquals(scene.state(PEER), undefined);
});

kernelTest(
  "changes of missing entries and interfaces are counted as gone",
  () => {
    using scene = new Scene();
    const { requests, ifindex } = scene.tap;
    const kinds = ["fail", "use", "permanent", "stale", "delete"] as const;
    for (const kind of kinds) {
      assertEquals(
        changeNeighbours(requests, 9999, [ipAddress(PEER)], kind),
        { gone: 1, refused: 0 },
        "no interface",
      );
    }
    // The kernel disables IPv6 on an interface with an MTU below 1280.
    setLinkMtu(requests, ifindex, 1000);
    for (const kind of kinds) {
      assertEquals(changes(scene.tap, kind, PEER6), false, "no IPv6");
    }
  },
);

kernelTest(
  "changeNeighbours() changes many entries and counts failures",
  () => {
    using scene = new Scene();
    const { requests, ifindex } = scene.tap;
    const some = Array.from(
      { length: 300 },
      (_, i) => IpAddress.ipv4(ip("10.0.1.0") + i),
    );
    assertEquals(changeNeighbours(requests, ifindex, some, "permanent"), {
      gone: 0,
      refused: 0,
    });
    assert(scene.netns.until(() => scene.events.length === 300));
    scene.events.length = 0;
    const more = [...some, ipAddress(PEER), ipAddress(PEER6)];
    assertEquals(changeNeighbours(requests, ifindex, more, "fail"), {
      gone: 2,
      refused: 0,
    });
    assert(scene.netns.until(() => new Set(scene.events).size === 300));
    assertEquals(changeNeighbours(requests, 9999, more, "fail"), {
      gone: 302,
      refused: 0,
    });
    assertEquals(changeNeighbours(requests, ifindex, more, "delete"), {
      gone: 2,
      refused: 0,
    });
    assertEquals(scene.mirror.neighbours.list(), []);
    // Refusals of one call are not counted in the next.
    assertEquals(changes(scene.tap, "fail", PEER), false);
  },
);

kernelTest("dumpNeighbours() and the events exclude other interfaces", () => {
  using scene = new Scene();
  using other = new Tap(scene.netns, "ib1");
  changes(other, "permanent", PEER);
  changes(scene.tap, "permanent", PEER6);
  assertEquals(scene.take(), [`${PEER6} PERMANENT`]);
  const of = (tap: Tap) =>
    dumpNeighbours(scene.tap.requests, tap.ifindex).filter(({ state }) =>
      state !== NeighbourState.NOARP
    ).map(
      ({ address }) => `${address}`,
    );
  assertEquals(of(scene.tap), [PEER6]);
  assertEquals(of(other), [PEER]);
});

ipTest("list() excludes proxy entries", () => {
  using scene = new Scene();
  configure(scene.netns, `neigh add proxy 10.0.0.77 dev ib0`);
  assertEquals(scene.state("10.0.0.77"), undefined);
});
