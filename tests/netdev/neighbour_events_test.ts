import { assert, assertEquals } from "@std/assert";
import { ConfigMirror } from "../../src/netdev/rtnetlink/mirror.ts";
import { changeNeighbours } from "../../src/netdev/rtnetlink/neighbour_set.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { changes, PEER, Scene } from "./neighbour_scene.ts";
import { ip, kernelTest, TestNamespace } from "./support.ts";
import { configure, ipTest, Tap } from "./tap_support.ts";

kernelTest(
  "a loss of neighbour events is reported once, and a dump is then complete",
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
    // PERMANENT entries do not count towards the limits of the neighbour table.
    const sweep = Array.from(
      { length: 4096 },
      (_, i) => IpAddress.ipv4(ip("10.0.16.0") + i),
    );
    changeNeighbours(requests, ifindex, sweep, "permanent");
    scene.take();
    assertEquals(scene.lost, 1);
    assertEquals(others, 0, "no other changes");
    assert(known.size >= sweep.length);
    // The next loss follows immediately and is reported a second later.
    changeNeighbours(requests, ifindex, sweep, "delete");
    assert(scene.netns.until(() => scene.lost === 2));
    changes(scene.tap, "permanent", PEER);
    scene.take();
    assertEquals([...known], [[PEER, "PERMANENT"]]);
  },
);

kernelTest("at most 64 neighbour events are processed per turn", () => {
  using scene = new Scene();
  const { requests, ifindex } = scene.tap;
  const sweep = Array.from(
    { length: 500 },
    (_, i) => IpAddress.ipv4(ip("10.0.16.0") + i),
  );
  changeNeighbours(requests, ifindex, sweep, "permanent");
  let turns = 0;
  while (scene.events.length < sweep.length && turns < 1000) {
    const before = scene.events.length;
    scene.netns.reactor.turn(20);
    turns++;
    assert(scene.events.length - before <= 64);
  }
  assertEquals([scene.events.length, scene.lost], [sweep.length, 0]);
  assert(turns >= sweep.length / 64);
});

ipTest(
  "neighbour events are received after the interface has moved to another namespace",
  () => {
    using netns = new TestNamespace();
    using other = new TestNamespace();
    using tap = new Tap(netns, "ib0");
    const mirror = new ConfigMirror({
      reactor: netns.reactor,
      netns: netns.fd,
      ifindex: tap.ifindex,
      locate: () => ({
        netns: other.fd,
        ifindex: tap.ifindex,
        [Symbol.dispose]: () => {},
      }),
    });
    try {
      let lost = 0;
      const events: string[] = [];
      const { neighbours } = mirror;
      neighbours.onLost(() => lost++);
      neighbours.onNeighbour(({ address }) => events.push(`${address}`));
      configure(netns, `link set ib0 netns /proc/${Deno.pid}/fd/${other.fd}`);
      assert(netns.until(() => lost === 1));
      configure(other, `link set ib0 up`);
      using requests = new RequestSocket(other.fd);
      assert(changes({ requests, ifindex: mirror.ifindex }, "permanent", PEER));
      assert(netns.until(() => events.includes(PEER)));
      assertEquals(
        neighbours.list().map(({ address }) => `${address}`),
        [PEER],
      );
    } finally {
      mirror.close();
    }
  },
);
