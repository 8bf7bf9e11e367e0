/** Path queries after a client reregister with thousands of neighbours: bounded, the most recently used paths first. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { MAX_PATH_RENEWALS } from "../../src/ipoib/constants.ts";
import { gidGuid } from "../../src/wire/gid.ts";
import { gsiAddress, MadStatus } from "../../src/wire/mad.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { SaAttribute, SaMad } from "../../src/wire/sa/sa_mad.ts";
import { addNeighbours, sendToAll } from "./many_neighbours.ts";
import { type HostOptions, Rig } from "./rig.ts";

const OLD_LID = 7;
const NEW_LID = 9;
/** Interval at which a query without an answer is sent again. */
const RESEND_MS = 100;

/** A host, and an administrator of paths that the test controls. */
class Scene {
  readonly rig = new Rig();
  readonly host;
  /** Time from a query to its answer. */
  latencyMs = 0;
  /** LID in the answers. */
  lid = OLD_LID;
  /** Status of the answers; undefined for no answer. */
  status: number | undefined = MadStatus.Ok;
  /** Returns true if the query, numbered from 1, is lost. */
  lose: (query: number) => boolean = () => false;
  /** GUIDs of the queried ports, without repeated transmissions. */
  readonly asked: bigint[] = [];
  /** Maximum number of queries that were pending at the same time. */
  mostPending = 0;
  #queries = 0;
  readonly #answers: { at: number; mad: Uint8Array }[] = [];
  readonly #pending = new Set<number>();

  constructor(options: HostOptions = {}) {
    const { rig } = this;
    this.host = rig.host({
      address: "10.255.0.1",
      prefixLength: 8,
      ...options,
    });
    const { onMad } = rig.fabric;
    rig.fabric.onMad = (from, mad, to) => {
      const request = SaMad.parse(mad)!;
      if (request.attributeId === SaAttribute.PathRecord) this.#query(request);
      else onMad(from, mad, to);
    };
    const timer = rig.reactor.timer((now) => {
      while ((this.#answers[0]?.at ?? Infinity) <= now) {
        const { mad } = this.#answers.shift()!;
        this.#pending.delete(transactionOf(mad));
        rig.fabric.defer(() => this.host.port.receiveMad(mad, gsiAddress(1)));
      }
      timer.at(this.#answers[0]?.at ?? Infinity);
    });
    this.#timer = timer;
  }
  readonly #timer;

  get paths() {
    return this.host.link.paths.entries();
  }

  /** Creates neighbours with paths, each used a millisecond after the one before it. */
  addNeighbours(count: number): void {
    for (let i = 0; i < count; i += 1000) {
      const more = Math.min(1000, count - i);
      addNeighbours(this.host, more, i);
      this.rig.settle();
    }
    for (let i = 0; i < count; i++) {
      sendToAll(this.host, 1, i);
      this.rig.advance(1);
    }
    assertEquals(this.paths.filter(({ ah }) => ah).length, count);
    this.asked.length = 0;
    this.mostPending = 0;
  }

  /** Reregisters, and runs until all paths have the new LID. Returns the time in ms. */
  reregister(): number {
    this.lid = NEW_LID;
    const { clock } = this.rig.reactor;
    const begin = clock.now();
    this.host.port.emit({ type: "client_reregister" });
    this.rig.settle();
    while (this.paths.some(({ record }) => record?.dlid !== NEW_LID)) {
      assertLess(clock.now() - begin, 100_000);
      this.rig.advance(1);
    }
    return clock.now() - begin;
  }

  #query(request: SaMad): void {
    const record = PathRecord.parse(request.data)!;
    const id = Number(request.transactionId);
    if (!this.#pending.has(id)) this.asked.push(gidGuid(record.dgid));
    this.#pending.add(id);
    this.mostPending = Math.max(this.mostPending, this.#pending.size);
    const { status } = this;
    if (this.lose(++this.#queries) || status === undefined) return;
    const data = PathRecord.emit({ ...record, dlid: this.lid });
    const mad = SaMad.emit(SaMad.answer(request, { status, data }));
    const at = this.rig.reactor.clock.now() + this.latencyMs;
    this.#answers.push({ at, mad });
    if (this.#answers.length === 1) this.#timer.at(at);
  }
}

function transactionOf(mad: Uint8Array): number {
  return Number(SaMad.parse(mad)!.transactionId);
}

/** Asserts that the ports of all neighbours were queried once, the last used one first. */
function assertBusiestFirst(asked: readonly bigint[], count: number): void {
  assertEquals(
    asked,
    Array.from({ length: count }, (_, i) => BigInt(count - i)),
  );
}

const COUNT = 5000;
const ROUNDS = Math.ceil(COUNT / MAX_PATH_RENEWALS);

for (const latencyMs of [1, 10]) {
  Deno.test(`a reregister with ${COUNT} neighbours renews ${MAX_PATH_RENEWALS} paths at a time from an administrator that takes ${latencyMs} ms`, () => {
    const scene = new Scene();
    scene.addNeighbours(COUNT);
    scene.latencyMs = latencyMs;
    const took = scene.reregister();
    assertEquals(took, ROUNDS * latencyMs);
    assertEquals(scene.mostPending, MAX_PATH_RENEWALS);
    assertBusiestFirst(scene.asked, COUNT);
    const { tables } = scene.host.link.statistics;
    assertEquals(
      [tables.get("paths_queried"), tables.get("paths_found")],
      [2 * COUNT, 2 * COUNT],
    );
    scene.rig.check();
  });
}

Deno.test(`a reregister with ${COUNT} neighbours renews all paths although each tenth query is lost`, () => {
  const scene = new Scene();
  scene.addNeighbours(COUNT);
  scene.latencyMs = 1;
  scene.lose = (query) => query % 10 === 0;
  const took = scene.reregister();
  // A lost query takes the place of another one for RESEND_MS.
  assertLess(took, ROUNDS * (1 + RESEND_MS / 10) + 3 * RESEND_MS);
  assertEquals(scene.mostPending, MAX_PATH_RENEWALS);
  assertBusiestFirst(scene.asked, COUNT);
  scene.rig.check();
});

Deno.test("repeated queries after a reregister are bounded too, even if many are due at once", () => {
  const count = 1000;
  const scene = new Scene();
  const { clock } = scene.rig.reactor;
  scene.addNeighbours(count);
  scene.latencyMs = 1;
  scene.status = MadStatus.NoRecords;
  scene.host.port.emit({ type: "client_reregister" });
  for (let retry = 0; retry < 5; retry++) {
    scene.rig.advance(100);
    assertBusiestFirst(scene.asked.splice(0), count);
    // The process does not run until all queries are due.
    clock.advance(20_000);
  }
  scene.rig.advance(100_000);
  assertEquals(scene.asked, []);
  assertEquals(scene.mostPending, MAX_PATH_RENEWALS);
  assert(scene.paths.every(({ ah }) => ah));
  scene.rig.check();
});

Deno.test("an administrator that does not answer gets no more than the bound, and all queries once it answers", () => {
  const count = 3 * MAX_PATH_RENEWALS;
  const scene = new Scene();
  scene.addNeighbours(count);
  scene.status = undefined;
  scene.host.port.emit({ type: "client_reregister" });
  for (let i = 0; i < 100; i++) {
    scene.rig.advance(100);
    const asking = scene.paths.filter(({ state }) => state === "asking");
    assert(asking.length <= MAX_PATH_RENEWALS);
  }
  scene.status = MadStatus.Ok;
  scene.lid = NEW_LID;
  scene.rig.advance(30_000);
  assert(scene.paths.every(({ record }) => record?.dlid === NEW_LID));
  scene.rig.check();
});
