import { assert, assertEquals } from "@std/assert";
import { ConfigMirror } from "../../src/netdev/rtnetlink/mirror.ts";
import { changeNeighbours } from "../../src/netdev/rtnetlink/neighbour_set.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { changes, PEER, Scene } from "./neighbour_scene.ts";
import { ip, kernelTest, Room } from "./support.ts";
import { configure, ipTest, Tap } from "./tap_support.ts";

kernelTest(
  "lost neighbour events are told once, and a dump then misses nothing",
  () => {
    using scene = new Scene(2048);
    const { requests, ifindex } = scene.tap;
    const { neighbours } = scene.mirror;
    const known = new Map<string, string>();
    const read = () => {
      known.clear();
      for (const { address, state } of neighbours.list()) {
        known.set(`${address}`, state);
      }
    };
    neighbours.onLost(read);
    neighbours.onNeighbour(({ address, state }, deleted) => {
      if (deleted) known.delete(`${address}`);
      else known.set(`${address}`, state);
    });
    let others = 0;
    scene.mirror.onChange(() => others++);
    // PERMANENT entries do not count against the machine's limit.
    const sweep = Array.from(
      { length: 4096 },
      (_, i) => IpAddress.ipv4(ip("10.0.16.0") + i),
    );
    changeNeighbours(requests, ifindex, sweep, "permanent");
    scene.take();
    assertEquals(scene.lost, 1);
    assertEquals(others, 0, "nothing else is read again");
    assert(known.size >= sweep.length);
    // Told again a second later, because the next loss comes at once.
    changeNeighbours(requests, ifindex, sweep, "delete");
    assert(scene.room.until(() => scene.lost === 2));
    changes(scene.tap, "permanent", PEER);
    scene.take();
    assertEquals([...known], [[PEER, "PERMANENT"]]);
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
    const { neighbours } = mirror;
    neighbours.onLost(() => lost++);
    neighbours.onNeighbour(({ address }) => heard.push(`${address}`));
    configure(room, `link set ib0 netns /proc/${Deno.pid}/fd/${other.fd}`);
    assert(room.until(() => lost === 1));
    configure(other, `link set ib0 up`);
    using requests = new RequestSocket(other.fd);
    assert(changes({ requests, ifindex: mirror.ifindex }, "permanent", PEER));
    assert(room.until(() => heard.includes(PEER)));
    assertEquals(
      neighbours.list().map(({ address }) => `${address}`),
      [PEER],
    );
  } finally {
    mirror.close();
  }
});
