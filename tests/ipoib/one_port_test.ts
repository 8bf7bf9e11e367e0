/**
 * Several interfaces of this program on one port and P_Key, of one process or of several: each has its own queue pair,
 * and they share the memberships of the port.
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { getLogger } from "../../src/base/log.ts";
import { SharedPort } from "../../src/daemon/shared_port.ts";
import type { IpoibInterface } from "../../src/ipoib/interface.ts";
import type { FakeNetdev } from "../../src/netdev/fake.ts";
import { Method } from "../../src/wire/mad.ts";
import { FakeLockFile } from "../daemon/fake_lock_file.ts";
import { type Host, ip, ipv4Frame, packetOf, Rig } from "./rig.ts";

const CHILD_PKEY = 0x8001;
/** The group that the interfaces on the port have joined. */
const GROUP = "239.1.1.1";
/** Time in which a leave would have taken effect, and been repeated. */
const LEAVE_MS = 20_000;

/** An interface on the shared port. */
interface Holder {
  readonly link: IpoibInterface;
  readonly netdev: FakeNetdev;
  readonly address: string;
  /** Ends the interface: it is deleted, or its process ends. */
  end(): void;
}

/** Two interfaces on one port, and a host beside the port that has an interface on the same P_Key. */
interface Scene {
  readonly rig: Rig;
  readonly holders: readonly [Holder, Holder];
  readonly peer: Pick<Holder, "link" | "netdev" | "address">;
}

/** Returns the last network device of a host, with an address on it. */
function addressed(host: Host, link: IpoibInterface, address: string) {
  const netdev = host.netdevs.find(({ name }) => name === link.name)!;
  netdev.config.addAddress(ip(address), 24);
  netdev.change({ up: true });
  host.rig.settle();
  return { link, netdev, address };
}

/** Interfaces of one process: `made` creates them on the device of the host. */
function inOneProcess(
  made: (host: Host) => readonly [IpoibInterface, IpoibInterface],
): Scene {
  const rig = new Rig();
  const [host, other] = [rig.host(), rig.host()];
  const [first, second] = made(host);
  const { pkey } = first;
  const peer = pkey === other.link.pkey
    ? other.link
    : other.device.createChild(pkey);
  const holder = (link: IpoibInterface, address: string): Holder => ({
    ...addressed(host, link, address),
    end: () => {
      if (!host.device.removeChild(link)) host.device.close();
    },
  });
  return {
    rig,
    holders: [holder(first, "10.0.0.1"), holder(second, "10.0.0.2")],
    peer: addressed(other, peer, "10.0.0.9"),
  };
}

/** Interfaces of two processes that share a lock file: the parents, or a child of each. */
function inTwoProcesses(
  { child = false, killed = false } = {},
): Scene {
  const rig = new Rig();
  const file = new FakeLockFile();
  const ports: SharedPort[] = [];
  const others = () => {
    const port = new SharedPort({
      reactor: rig.reactor,
      log: getLogger("ib"),
      gid: () => new Uint8Array(16),
      openLocks: () => file.open(),
      openLinks: () => [],
    });
    ports.push(port);
    return port;
  };
  const first = rig.host({ others: others() });
  const second = rig.host({ others: others(), beside: first });
  const other = rig.host();
  const linkOf = ({ device }: Host) =>
    child ? device.createChild(CHILD_PKEY) : device.parent;
  const holder = (host: Host, shared: SharedPort, address: string): Holder => {
    shared.onLeft = () => host.device.checkMemberships();
    return {
      ...addressed(host, linkOf(host), address),
      end: () => {
        if (killed) host.port.close();
        else host.device.close();
        shared.close();
      },
    };
  };
  return {
    rig,
    holders: [
      holder(first, ports[0]!, "10.0.0.1"),
      holder(second, ports[1]!, "10.0.0.2"),
    ],
    peer: addressed(other, linkOf(other), "10.0.0.9"),
  };
}

const SCENES: Record<string, () => Scene> = {
  "a parent and a child of link add on its P_Key": () =>
    inOneProcess(({ device }) => [device.parent, device.addChild("twin")]),
  "a child of create_child and one of link add": () =>
    inOneProcess(({ device }) => [
      device.createChild(CHILD_PKEY),
      device.addChild("other", CHILD_PKEY),
    ]),
  "two children of link add": () =>
    inOneProcess(({ device }) => [
      device.addChild("one", CHILD_PKEY),
      device.addChild("two", CHILD_PKEY),
    ]),
  "two processes": () => inTwoProcesses(),
  "a child in each of two processes": () => inTwoProcesses({ child: true }),
  "two processes, of which one is killed": () =>
    inTwoProcesses({ killed: true }),
};

/** Sends a frame from one interface; returns which of `receivers` received it. */
function delivered(
  { rig }: Scene,
  from: Pick<Holder, "netdev" | "address">,
  to: string,
  receivers: readonly Pick<Holder, "netdev">[],
): boolean[] {
  const frame = ipv4Frame(from.address, to);
  for (const { netdev } of receivers) netdev.takeWritten();
  from.netdev.send(frame);
  rig.settle();
  const wanted = packetOf(frame).join();
  return receivers.map(({ netdev }) =>
    netdev.takeWritten().some((each) => packetOf(each).join() === wanted)
  );
}

/** Returns the number of ports that are members of the broadcast group of the scene's partition. */
function members({ rig, peer }: Scene): number {
  const prefix = `ff12:401b:${peer.link.pkey.toString(16)}::ffff:ffff`;
  return rig.subnet!.manager.snapshot().groups
    .find(({ mgid }) => mgid === prefix)!.members.length;
}

for (const [title, make] of Object.entries(SCENES)) {
  for (const ending of [0, 1] as const) {
    // The children end with their parent.
    if (ending === 0 && title.startsWith("a parent")) continue;
    const order = ["first", "second"][ending];
    Deno.test(`one port and P_Key: ${title}: both work, and the end of the ${order} does not affect the other`, () => {
      const scene = make();
      const { rig, holders, peer } = scene;
      const [first, second] = holders;
      for (const { link, netdev } of holders) {
        assertEquals(link.state, "running");
        netdev.config.join(ip(GROUP));
      }
      rig.settle();
      assertEquals(first.link.pkey, second.link.pkey);
      assertEquals(first.link.qpn === second.link.qpn, false);
      assertEquals(members(scene), 2, "the port, and that of the peer");
      for (const to of ["10.0.0.255", GROUP]) {
        assertEquals(delivered(scene, peer, to, holders), [true, true], to);
      }
      for (const [from, to] of [[first, second], [second, first]] as const) {
        assertEquals(delivered(scene, from, to.address, [to]), [true]);
        assertEquals(
          delivered(scene, from, "10.0.0.255", [to, peer]),
          [true, true],
        );
        assertEquals(delivered(scene, from, peer.address, [peer]), [true]);
        assertEquals(delivered(scene, peer, from.address, [from]), [true]);
      }

      const survivor = holders[1 - ending]!;
      holders[ending]!.end();
      rig.advance(LEAVE_MS);
      assertEquals(members(scene), 2);
      for (const to of ["10.0.0.255", GROUP, survivor.address]) {
        assertEquals(delivered(scene, peer, to, [survivor]), [true], to);
      }
      const { tables } = survivor.link.statistics;
      assertEquals(tables.get("memberships_lost"), 0);
      survivor.end();
      rig.advance(LEAVE_MS);
      if (!title.includes("killed")) assertEquals(members(scene), 1);
    });
  }
}

Deno.test("one port and P_Key: an interface whose join was not answered keeps its groups when the other ends", () => {
  const scene = inTwoProcesses();
  const { rig, holders: [first, second], peer } = scene;
  const [{ port }] = rig.hosts as [Host];
  rig.subnet!.lose = ({ method }) => method === Method.Set;
  port.emit({ type: "client_reregister" });
  rig.advance(3300);
  assertStringIncludes(first.link.doubt ?? "", "does not answer the join");
  second.end();
  rig.settle();
  assertEquals(members(scene), 2);
  assertEquals(delivered(scene, peer, "10.0.0.255", [first]), [true]);
});
