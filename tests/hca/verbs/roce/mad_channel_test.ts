import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../../src/base/errors.ts";
import type { IbMtuCode } from "../../../../src/base/units.ts";
import { VerbsCounters } from "../../../../src/hca/verbs/counters.ts";
import { RoceMadChannel } from "../../../../src/hca/verbs/roce/mad_channel.ts";
import type { Neighbours } from "../../../../src/hca/verbs/roce/neighbours.ts";
import { openSaClient } from "../../../../src/ipoib/open_sa_client.ts";
import { broadcastJoin } from "../../../../src/sa/requests.ts";
import { FakeReactor } from "../../../../src/system/fake_reactor.ts";
import { gidKey, parseGid } from "../../../../src/wire/gid.ts";
import { broadcastMgid } from "../../../../src/wire/mgid.ts";

const OWN = parseGid("fe80::1")!;
const PEER = parseGid("fe80::2")!;
const UNREACHABLE = parseGid("fe80::dead")!;
const IFINDEX = 4;

/** A neighbour table that the test fills. */
class FakeNeighbours implements Neighbours {
  readonly resolved = new Set<string>();
  /** GIDs whose resolution was started. */
  readonly started: string[] = [];
  canSend = true;
  closed = false;

  isResolved(gid: Uint8Array, ifindex: number): boolean {
    assertEquals(ifindex, IFINDEX);
    return this.resolved.has(gidKey(gid));
  }
  startResolution(gid: Uint8Array): boolean {
    if (this.canSend) this.started.push(gidKey(gid));
    return this.canSend;
  }
  close(): void {
    this.closed = true;
  }
}

/** An SA client over the channel, as in the data worker. */
class Rig {
  readonly reactor = new FakeReactor();
  readonly neighbours = new FakeNeighbours();
  readonly counted = new VerbsCounters();
  readonly channel = new RoceMadChannel(
    this.reactor,
    () => ({
      gid: OWN,
      activeMtuCode: 5 as IbMtuCode,
      rateCode: 3,
      ifindex: IFINDEX,
    }),
    this.neighbours,
    this.counted,
  );
  readonly client = openSaClient(this.reactor, {
    attributes: {
      ...{ linkLayer: "ethernet", state: "active", smLid: 0, smSl: 0 },
      ...{ pkeys: [0xffff], gid: OWN, grhRequired: true },
    },
    openMadAgent: (mgmtClass) => this.channel.openAgent(mgmtClass),
  });
  /** Results of the client's requests: the GID of a path, or a negative errno. */
  readonly results: string[] = [];

  queryPath(dgid: Uint8Array): void {
    this.client.sa.queryPath(
      { sgid: OWN, dgid, pkey: 0xffff, tclass: 0 },
      this.reactor.clock.now(),
      (answer) =>
        this.results.push(
          answer.ok ? gidKey(answer.record.dgid) : `-${answer.errno}`,
        ),
    );
  }
}

Deno.test("RoceMadChannel delivers responses from the loop, not during the request", () => {
  const { reactor, client, results } = new Rig();
  client.sa.join(
    broadcastJoin(broadcastMgid(0xffff), OWN, 0xffff),
    reactor.clock.now(),
    (answer) => results.push(answer.ok ? `mtu ${answer.record.mtu}` : "no"),
  );
  assertEquals(results, []);
  reactor.settle();
  assertEquals(results, ["mtu 5"]);
});

Deno.test("RoceMadChannel does not delay the response for a resolved peer or for the port itself", () => {
  const rig = new Rig();
  rig.neighbours.resolved.add(gidKey(PEER));
  rig.queryPath(PEER);
  rig.queryPath(OWN);
  rig.reactor.settle();
  assertEquals(rig.results, [gidKey(PEER), gidKey(OWN)]);
  assertEquals(rig.neighbours.started, []);
});

Deno.test("RoceMadChannel starts the resolution of a peer once, and responds after it", () => {
  const rig = new Rig();
  rig.queryPath(PEER);
  rig.reactor.advance(30);
  assertEquals(rig.results, []);
  assertEquals(rig.neighbours.started, [gidKey(PEER)]);
  rig.neighbours.resolved.add(gidKey(PEER));
  rig.reactor.advance(10);
  assertEquals(rig.results, [gidKey(PEER)]);
});

Deno.test("RoceMadChannel retries to start the resolution while the network device cannot send", () => {
  const rig = new Rig();
  rig.neighbours.canSend = false;
  rig.queryPath(PEER);
  rig.reactor.advance(30);
  rig.neighbours.canSend = true;
  rig.reactor.advance(30);
  assertEquals(rig.neighbours.started, [gidKey(PEER)]);
});

Deno.test("RoceMadChannel does not delay other requests during the resolution of an unreachable peer", () => {
  const rig = new Rig();
  rig.neighbours.resolved.add(gidKey(PEER));
  rig.queryPath(UNREACHABLE);
  rig.queryPath(PEER);
  rig.reactor.settle();
  assertEquals(rig.results, [gidKey(PEER)]);
  rig.reactor.advance(20_000);
  assertEquals(rig.results, [gidKey(PEER), "-110"]);
});

Deno.test("RoceMadChannel delivers nothing after close()", () => {
  const rig = new Rig();
  rig.queryPath(PEER);
  rig.channel.close();
  rig.neighbours.resolved.add(gidKey(PEER));
  rig.reactor.advance(100);
  assertEquals(rig.results, []);
  assertEquals(rig.neighbours.closed, true);
});

Deno.test("RoceMadChannel supports the class SubnAdm only, and counts responses without an agent", () => {
  const rig = new Rig();
  const { channel, client, counted, reactor } = rig;
  const { errno } = assertThrows(() => channel.openAgent(7), IpoibError);
  assertEquals(errno, 95);
  assertEquals(
    assertThrows(() => channel.openAgent(3), IpoibError).errno,
    16,
  );
  rig.queryPath(OWN);
  client.close();
  reactor.advance(1);
  assertEquals(counted.get("mads_no_agent"), 1);
});

Deno.test("RoceMadChannel limits the pending requests, keeps each once, and counts the dropped ones", () => {
  const rig = new Rig();
  const requests = 1000;
  for (let i = 0; i < requests; i++) {
    rig.queryPath(parseGid(`fe80::${(0x1000 + i).toString(16)}`)!);
  }
  const pending = requests - rig.counted.get("mads_lost");
  assertEquals(pending, 256);
  rig.reactor.advance(500);
  assertEquals(rig.neighbours.started.length, pending);
  assertEquals(new Set(rig.neighbours.started).size, pending);
});
