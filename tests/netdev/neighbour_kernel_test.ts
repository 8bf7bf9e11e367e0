import {
  dumpNeighbours,
  NeighbourState,
} from "../../src/netdev/rtnetlink/neighbour.ts";
import { assert, assertEquals } from "@std/assert";
import {
  changeNeighbours,
  type NeighbourChange,
} from "../../src/netdev/rtnetlink/neighbour_set.ts";
import { setLinkMtu, setLinkUp } from "../../src/netdev/rtnetlink/link_set.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { changes, OWN, parsed, PEER, PEER6, Scene } from "./neighbour_scene.ts";
import { ip, kernelTest } from "./support.ts";
import {
  configure,
  ipTest,
  sendPacket,
  setKernel,
  Tap,
} from "./tap_support.ts";

const REQUEST = {
  operation: 1,
  hardwareLength: 0,
  sender: ip(OWN),
  target: ip(PEER),
  broadcast: true,
} as const;

kernelTest("neighbours: the kernel asks, and tells of REACHABLE", () => {
  using scene = new Scene();
  sendPacket(scene.room, PEER);
  assertEquals(scene.tap.arps(), [REQUEST]);
  assertEquals(scene.state(PEER), "INCOMPLETE");
  // A new entry is not told of.
  assertEquals(scene.take(), []);
  scene.tap.arp(PEER, OWN);
  assertEquals(scene.take(), [`${PEER} REACHABLE`]);
  assertEquals(scene.state(PEER), "REACHABLE");
  const [record] = scene.records;
  assert(record!.confirmed < 60);
});

kernelTest("neighbours: who asks us becomes STALE", () => {
  using scene = new Scene();
  scene.tap.arp(PEER, OWN, 1);
  assertEquals(scene.take(), [`${PEER} STALE`]);
  const [reply] = scene.tap.arps();
  assertEquals([reply!.operation, reply!.sender], [2, ip(OWN)]);
  assertEquals(scene.state(PEER), "STALE");
});

kernelTest("neighbours: an address without an answer becomes FAILED", () => {
  using scene = new Scene();
  setKernel(scene.room, "ipv4/neigh/ib0/retrans_time_ms", 20);
  sendPacket(scene.room, PEER);
  assert(scene.hears(`${PEER} FAILED`), scene.heard.join());
  assertEquals(scene.tap.arps(), [REQUEST, REQUEST, REQUEST]);
});

kernelTest("fail: the next packet asks by broadcast at once", () => {
  using scene = new Scene();
  assertEquals(changes(scene.tap, "fail", PEER), false);
  assertEquals(scene.state(PEER), undefined, "none is made");
  scene.resolve();
  assertEquals(changes(scene.tap, "fail", PEER), true);
  assertEquals(scene.take(), [`${PEER} FAILED`]);
  assertEquals(scene.tap.arps(), [], "nothing is asked before");
  sendPacket(scene.room, PEER);
  assertEquals(scene.tap.arps(), [REQUEST]);
  scene.tap.arp(PEER, OWN);
  assertEquals(scene.take(), [`${PEER} REACHABLE`]);
});

kernelTest("use: a resolution starts", () => {
  using scene = new Scene();
  assert(changes(scene.tap, "use", PEER), "a new entry");
  assertEquals(scene.tap.arps(), [REQUEST]);
  assertEquals(scene.state(PEER), "INCOMPLETE");
  scene.tap.arp(PEER, OWN);
  assertEquals(scene.take(), [`${PEER} REACHABLE`]);
  assert(changes(scene.tap, "use", PEER), "a reachable one");
  assertEquals([scene.tap.arps(), scene.state(PEER)], [[], "REACHABLE"]);
  changes(scene.tap, "fail", PEER);
  assert(changes(scene.tap, "use", PEER), "a failed one");
  assertEquals(scene.tap.arps(), [REQUEST]);
  assert(changes(scene.tap, "use", PEER6));
  assertEquals(scene.state(PEER6), "INCOMPLETE");
});

ipTest(
  "permanent: the entry survives a flush and a loss of carrier, not a link that goes down",
  () => {
    using scene = new Scene();
    const { requests, ifindex } = scene.tap;
    for (const peer of [PEER, PEER6]) {
      assert(changes(scene.tap, "permanent", peer));
    }
    assertEquals(scene.take(), [`${PEER} PERMANENT`, `${PEER6} PERMANENT`]);
    scene.resolve("10.0.0.8");
    configure(scene.room, "neigh flush dev ib0");
    assertEquals(scene.take(), ["10.0.0.8 FAILED", "10.0.0.8 FAILED deleted"]);
    assertEquals([PEER, PEER6].map((peer) => scene.state(peer)), [
      "PERMANENT",
      "PERMANENT",
    ]);
    scene.resolve("10.0.0.8");
    scene.tap.setCarrier(false);
    assert(scene.hears("10.0.0.8 REACHABLE deleted"), scene.heard.join());
    assertEquals(scene.state(PEER), "PERMANENT");
    scene.heard.length = 0;
    setLinkUp(requests, ifindex, false);
    assertEquals(scene.take().sort(), [
      `${PEER} PERMANENT deleted`,
      `${PEER6} PERMANENT deleted`,
    ]);
  },
);

kernelTest("each change takes an entry out of PERMANENT", () => {
  using scene = new Scene();
  const after = (what: NeighbourChange) => {
    assert(changes(scene.tap, "permanent", PEER));
    assert(changes(scene.tap, what, PEER));
    return scene.state(PEER);
  };
  assertEquals(after("fail"), "FAILED");
  assertEquals(after("stale"), "STALE");
  assertEquals(after("delete"), undefined);
  assertEquals(after("use"), "INCOMPLETE");
});

kernelTest("stale and delete change what is there", () => {
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

kernelTest("changes of what has gone are counted as gone", () => {
  using scene = new Scene();
  const { requests, ifindex } = scene.tap;
  const kinds = ["fail", "use", "permanent", "stale", "delete"] as const;
  for (const what of kinds) {
    assertEquals(
      changeNeighbours(requests, 9999, [parsed(PEER)], what),
      { gone: 1, refused: 0 },
      "no interface",
    );
  }
  // Below 1280 bytes there is no IPv6 on an interface.
  setLinkMtu(requests, ifindex, 1000);
  for (const what of kinds) {
    assertEquals(changes(scene.tap, what, PEER6), false, "no IPv6");
  }
});

kernelTest(
  "changeNeighbours() changes many at once and counts the rest",
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
    assert(scene.room.until(() => scene.heard.length === 300));
    scene.heard.length = 0;
    const more = [...some, parsed(PEER), parsed(PEER6)];
    assertEquals(changeNeighbours(requests, ifindex, more, "fail"), {
      gone: 2,
      refused: 0,
    });
    assert(scene.room.until(() => new Set(scene.heard).size === 300));
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

kernelTest("dumpNeighbours() and the events leave other interfaces out", () => {
  using scene = new Scene();
  using other = new Tap(scene.room, "ib1");
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

ipTest("a proxy is not among the neighbours", () => {
  using scene = new Scene();
  configure(scene.room, `neigh add proxy 10.0.0.77 dev ib0`);
  assertEquals(scene.state("10.0.0.77"), undefined);
});
