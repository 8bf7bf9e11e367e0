import { assert, assertEquals } from "@std/assert";
import { ConfigMirror } from "../../src/netdev/rtnetlink/mirror.ts";
import {
  dumpNeighbours,
  type NeighbourRecord,
  NeighbourState,
} from "../../src/netdev/rtnetlink/neighbour.ts";
import {
  changeNeighbours,
  deleteNeighbour,
  failNeighbour,
  setPermanent,
  staleNeighbour,
  useNeighbour,
} from "../../src/netdev/rtnetlink/neighbour_set.ts";
import {
  addAddress,
  setLinkMtu,
  setLinkUp,
} from "../../src/netdev/rtnetlink/set.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import {
  configure,
  ipTest,
  sendPacket,
  setKernel,
  Tap,
} from "./tap_support.ts";
import { ip, kernelTest, Room } from "./support.ts";

const OWN = "10.0.0.1";
const PEER = "10.0.0.9";
const PEER6 = "fd00::9";

const names = new Map<number, string>(
  Object.entries(NeighbourState).map(([name, value]) => [value, name]),
);

function parsed(text: string): IpAddress {
  const address = IpAddress.parse(text);
  assert(address, text);
  return address;
}

/** A room with a TAP that has an address, and the mirror of its configuration. */
class Scene implements Disposable {
  readonly room = new Room();
  readonly tap = new Tap(this.room, "ib0");
  readonly mirror: ConfigMirror;
  /** `10.0.0.9 REACHABLE`, `10.0.0.9 FAILED deleted` ... */
  readonly heard: string[] = [];
  readonly records: NeighbourRecord[] = [];
  lost = 0;

  constructor(receiveBuffer?: number) {
    addAddress(this.tap.requests, this.tap.ifindex, {
      address: ip(OWN),
      prefixLength: 16,
    });
    this.mirror = new ConfigMirror({
      reactor: this.room.reactor,
      netns: this.room.fd,
      ifindex: this.tap.ifindex,
      ...(receiveBuffer === undefined ? {} : { receiveBuffer }),
    });
    this.mirror.onNeighbour((record, deleted) => {
      // The kernel's own groups come and go as they like.
      if (record.state === NeighbourState.NOARP) return;
      this.records.push(record);
      this.heard.push(
        `${record.address} ${names.get(record.state)}${
          deleted ? " deleted" : ""
        }`,
      );
    });
    this.mirror.onNeighboursLost(() => this.lost++);
  }

  /** What the loop brings now. */
  take(): string[] {
    this.room.settle();
    return this.heard.splice(0);
  }

  hears(what: string): boolean {
    return this.room.until(() => this.heard.includes(what));
  }

  /** The state of an entry in a dump; undefined if there is none. */
  state(address: string): string | undefined {
    const wanted = parsed(address);
    const found = this.mirror.neighbours().find((one) =>
      one.address.equals(wanted)
    );
    return found && names.get(found.state);
  }

  /** Resolves the peer by a packet to it and its reply. */
  resolve(peer = PEER): void {
    sendPacket(this.room, peer);
    this.tap.arp(peer, OWN);
    assert(this.hears(`${peer} REACHABLE`), this.heard.join());
    this.heard.length = 0;
    this.tap.arps();
  }

  [Symbol.dispose](): void {
    this.mirror.close();
    this.tap[Symbol.dispose]();
    this.room[Symbol.dispose]();
  }
}

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
  assertEquals(record!.ifindex, scene.tap.ifindex);
  assertEquals(record!.proxy, false);
  assert(record!.ages && record!.ages.confirmed < 60_000);
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

kernelTest("failNeighbour(): the next packet asks by broadcast at once", () => {
  using scene = new Scene();
  const { requests, ifindex } = scene.tap;
  const address = parsed(PEER);
  assertEquals(failNeighbour(requests, ifindex, address), false);
  assertEquals(scene.state(PEER), undefined, "none is made");
  scene.resolve();
  assertEquals(failNeighbour(requests, ifindex, address), true);
  assertEquals(scene.take(), [`${PEER} FAILED`]);
  assertEquals(scene.tap.arps(), [], "nothing is asked before");
  sendPacket(scene.room, PEER);
  assertEquals(scene.tap.arps(), [REQUEST]);
  scene.tap.arp(PEER, OWN);
  assertEquals(scene.take(), [`${PEER} REACHABLE`]);
});

kernelTest("useNeighbour() starts a resolution", () => {
  using scene = new Scene();
  const { requests, ifindex } = scene.tap;
  const address = parsed(PEER);
  assert(useNeighbour(requests, ifindex, address), "a new entry");
  assertEquals(scene.tap.arps(), [REQUEST]);
  assertEquals(scene.state(PEER), "INCOMPLETE");
  scene.tap.arp(PEER, OWN);
  assertEquals(scene.take(), [`${PEER} REACHABLE`]);
  assert(useNeighbour(requests, ifindex, address), "a reachable one");
  assertEquals([scene.tap.arps(), scene.state(PEER)], [[], "REACHABLE"]);
  failNeighbour(requests, ifindex, address);
  assert(useNeighbour(requests, ifindex, address), "a failed one");
  assertEquals(scene.tap.arps(), [REQUEST]);
  const address6 = parsed(PEER6);
  assert(useNeighbour(requests, ifindex, address6));
  assertEquals(scene.state(PEER6), "INCOMPLETE");
});

ipTest(
  "setPermanent(): the entry survives a flush and a loss of carrier, not a link that goes down",
  () => {
    using scene = new Scene();
    const { requests, ifindex } = scene.tap;
    for (const peer of [PEER, PEER6]) {
      assert(setPermanent(requests, ifindex, parsed(peer)));
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
  const { requests, ifindex } = scene.tap;
  const address = parsed(PEER);
  const after = (change: () => boolean) => {
    assert(setPermanent(requests, ifindex, address));
    assert(change());
    return scene.state(PEER);
  };
  assertEquals(
    after(() => failNeighbour(requests, ifindex, address)),
    "FAILED",
  );
  assertEquals(
    after(() => staleNeighbour(requests, ifindex, address)),
    "STALE",
  );
  assertEquals(
    after(() => deleteNeighbour(requests, ifindex, address)),
    undefined,
  );
});

kernelTest("staleNeighbour() and deleteNeighbour()", () => {
  using scene = new Scene();
  const { requests, ifindex } = scene.tap;
  const address = parsed(PEER);
  assertEquals(staleNeighbour(requests, ifindex, address), false);
  assertEquals(deleteNeighbour(requests, ifindex, address), false);
  scene.resolve();
  assert(staleNeighbour(requests, ifindex, address));
  assertEquals(scene.take(), [`${PEER} STALE`]);
  assert(deleteNeighbour(requests, ifindex, address));
  assertEquals(scene.take(), [`${PEER} FAILED`, `${PEER} FAILED deleted`]);
  assertEquals(scene.state(PEER), undefined);
});

kernelTest("changes of what has gone return false", () => {
  using scene = new Scene();
  const { requests, ifindex } = scene.tap;
  const changes = [
    failNeighbour,
    useNeighbour,
    setPermanent,
    staleNeighbour,
    deleteNeighbour,
  ];
  for (const change of changes) {
    assertEquals(change(requests, 9999, parsed(PEER)), false, "no interface");
  }
  // Below 1280 bytes there is no IPv6 on an interface.
  setLinkMtu(requests, ifindex, 1000);
  for (const change of changes) {
    assertEquals(change(requests, ifindex, parsed(PEER6)), false, "no IPv6");
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
    assertEquals(scene.mirror.neighbours().filter(isUnicast), []);
    // The socket still tells of one change what came of it.
    assertEquals(failNeighbour(requests, ifindex, parsed(PEER)), false);
  },
);

function isUnicast({ state }: NeighbourRecord): boolean {
  return state !== NeighbourState.NOARP;
}

kernelTest("dumpNeighbours() and the events leave other interfaces out", () => {
  using scene = new Scene();
  using other = new Tap(scene.room, "ib1");
  setPermanent(other.requests, other.ifindex, parsed(PEER));
  setPermanent(scene.tap.requests, scene.tap.ifindex, parsed(PEER6));
  assertEquals(scene.take(), [`${PEER6} PERMANENT`]);
  const of = (tap: Tap) =>
    dumpNeighbours(scene.tap.requests, tap.ifindex).filter(isUnicast).map(
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

kernelTest(
  "lost neighbour events are told once, and a dump then misses nothing",
  () => {
    using scene = new Scene(2048);
    const { requests, ifindex } = scene.tap;
    const known = new Map<string, number>();
    const read = () => {
      known.clear();
      for (const { address, state } of scene.mirror.neighbours()) {
        known.set(`${address}`, state);
      }
    };
    scene.mirror.onNeighboursLost(read);
    scene.mirror.onNeighbour(({ address, state }, deleted) => {
      if (deleted) known.delete(`${address}`);
      else known.set(`${address}`, state);
    });
    let changes = 0;
    scene.mirror.onChange(() => changes++);
    // PERMANENT entries do not count against the machine's limit.
    const sweep = Array.from(
      { length: 4096 },
      (_, i) => IpAddress.ipv4(ip("10.0.16.0") + i),
    );
    changeNeighbours(requests, ifindex, sweep, "permanent");
    scene.take();
    assertEquals(scene.lost, 1);
    assertEquals(changes, 0, "nothing else is read again");
    assert(known.size >= sweep.length);
    // Told again a second later, because the next loss comes at once.
    changeNeighbours(requests, ifindex, sweep, "delete");
    assert(scene.room.until(() => scene.lost === 2));
    setPermanent(requests, ifindex, parsed(PEER));
    scene.take();
    assertEquals(
      [...known].filter(([, state]) => state !== NeighbourState.NOARP),
      [[PEER, NeighbourState.PERMANENT]],
    );
  },
);

kernelTest("the neighbour events of one turn are bounded", () => {
  using scene = new Scene();
  const { requests, ifindex } = scene.tap;
  const sweep = Array.from(
    { length: 500 },
    (_, i) => IpAddress.ipv4(ip("10.0.16.0") + i),
  );
  changeNeighbours(requests, ifindex, sweep, "permanent");
  let turns = 0;
  while (scene.heard.length < sweep.length && turns < 1000) {
    const before = scene.heard.length;
    scene.room.reactor.turn(20);
    turns++;
    assert(scene.heard.length - before <= 64);
  }
  assertEquals([scene.heard.length, scene.lost], [sweep.length, 0]);
  assert(turns >= sweep.length / 64);
});

ipTest("neighbours follow an interface to another namespace", () => {
  using room = new Room();
  using other = new Room();
  using tap = new Tap(room, "ib0");
  // Who moves it knows where it is.
  const mirror = new ConfigMirror({
    reactor: room.reactor,
    netns: room.fd,
    ifindex: tap.ifindex,
    locate: () => ({
      netns: other.fd,
      ifindex: tap.ifindex,
      [Symbol.dispose]: () => {},
    }),
  });
  try {
    let lost = 0;
    const heard: string[] = [];
    mirror.onNeighboursLost(() => lost++);
    mirror.onNeighbour(({ address }) => heard.push(`${address}`));
    configure(room, `link set ib0 netns /proc/${Deno.pid}/fd/${other.fd}`);
    assert(room.until(() => lost === 1));
    configure(other, `link set ib0 up`);
    assert(setPermanent(mirror.requests, mirror.ifindex, parsed(PEER)));
    assert(room.until(() => heard.includes(PEER)));
    assertEquals(
      mirror.neighbours().filter(isUnicast).map(({ address }) => `${address}`),
      [PEER],
    );
  } finally {
    mirror.close();
  }
});
