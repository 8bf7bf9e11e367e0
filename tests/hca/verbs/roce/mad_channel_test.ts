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
const DEAD = parseGid("fe80::dead")!;
const IFINDEX = 4;

class FakeNeighbours implements Neighbours {
  readonly there = new Set<string>();
  readonly sought: string[] = [];
  able = true;
  closed = false;

  known(gid: Uint8Array, ifindex: number): boolean {
    assertEquals(ifindex, IFINDEX);
    return this.there.has(gidKey(gid));
  }
  seek(gid: Uint8Array): boolean {
    if (this.able) this.sought.push(gidKey(gid));
    return this.able;
  }
  close(): void {
    this.closed = true;
  }
}

/** A client that asks over the channel, as the data worker does it. */
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
    attributes: { linkLayer: "ethernet", smLid: 0, smSl: 0, pkeys: [0xffff] },
    openMadAgent: (mgmtClass) => this.channel.openAgent(mgmtClass),
  });
  /** What the client heard. */
  readonly heard: string[] = [];

  ask(dgid: Uint8Array): void {
    this.client.sa.queryPath(
      { sgid: OWN, dgid, pkey: 0xffff, tclass: 0 },
      this.reactor.clock.now(),
      (answer) =>
        this.heard.push(
          answer.ok ? gidKey(answer.record.dgid) : `-${answer.errno}`,
        ),
    );
  }
}

Deno.test("RoceMadChannel answers from the loop, not from within the request", () => {
  const { reactor, client, heard } = new Rig();
  client.sa.join(
    broadcastJoin(broadcastMgid(0xffff), OWN, 0xffff),
    reactor.clock.now(),
    (answer) => heard.push(answer.ok ? `mtu ${answer.record.mtu}` : "no"),
  );
  assertEquals(heard, []);
  reactor.settle();
  assertEquals(heard, ["mtu 5"]);
});

Deno.test("RoceMadChannel answers at once for a known peer and for itself", () => {
  const rig = new Rig();
  rig.neighbours.there.add(gidKey(PEER));
  rig.ask(PEER);
  rig.ask(OWN);
  rig.reactor.settle();
  assertEquals(rig.heard, [gidKey(PEER), gidKey(OWN)]);
  assertEquals(rig.neighbours.sought, []);
});

Deno.test("RoceMadChannel has an unknown peer looked for once, and answers when it was found", () => {
  const rig = new Rig();
  rig.ask(PEER);
  rig.reactor.advance(30);
  assertEquals(rig.heard, []);
  assertEquals(rig.neighbours.sought, [gidKey(PEER)]);
  rig.neighbours.there.add(gidKey(PEER));
  rig.reactor.advance(10);
  assertEquals(rig.heard, [gidKey(PEER)]);
});

Deno.test("RoceMadChannel looks again while the network device cannot send yet", () => {
  const rig = new Rig();
  rig.neighbours.able = false;
  rig.ask(PEER);
  rig.reactor.advance(30);
  rig.neighbours.able = true;
  rig.reactor.advance(30);
  assertEquals(rig.neighbours.sought, [gidKey(PEER)]);
});

Deno.test("RoceMadChannel keeps nobody waiting for a dead peer", () => {
  const rig = new Rig();
  rig.neighbours.there.add(gidKey(PEER));
  rig.ask(DEAD);
  rig.ask(PEER);
  rig.reactor.settle();
  assertEquals(rig.heard, [gidKey(PEER)]);
  rig.reactor.advance(20_000);
  assertEquals(rig.heard, [gidKey(PEER), "-110"]);
});

Deno.test("RoceMadChannel is silent after its end", () => {
  const rig = new Rig();
  rig.ask(PEER);
  rig.channel.close();
  rig.neighbours.there.add(gidKey(PEER));
  rig.reactor.advance(100);
  assertEquals(rig.heard, []);
  assertEquals(rig.neighbours.closed, true);
});

Deno.test("RoceMadChannel has an agent for the administrator only, and counts answers that come too late", () => {
  const rig = new Rig();
  const { channel, client, counted, reactor } = rig;
  const { errno } = assertThrows(() => channel.openAgent(7), IpoibError);
  assertEquals(errno, 95);
  assertEquals(
    assertThrows(() => channel.openAgent(3), IpoibError).errno,
    16,
  );
  rig.ask(OWN);
  client.close();
  reactor.advance(1);
  assertEquals(counted.get("mads_no_agent"), 1);
});

Deno.test("RoceMadChannel keeps a bounded number of requests, each once however often it is repeated, and counts the rest", () => {
  const rig = new Rig();
  const asked = 1000;
  for (let i = 0; i < asked; i++) {
    rig.ask(parseGid(`fe80::${(0x1000 + i).toString(16)}`)!);
  }
  const kept = asked - rig.counted.get("mads_lost");
  assertEquals(kept, 256);
  rig.reactor.advance(500);
  assertEquals(rig.neighbours.sought.length, kept);
  assertEquals(new Set(rig.neighbours.sought).size, kept);
});
