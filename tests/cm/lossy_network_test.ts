/**
 * Connections over a network that loses, duplicates and reorders MADs, with consumers that accept, reject and disconnect
 * at random times. In the end each connection is established at both ends, or has ended at both.
 */

import { assert, assertEquals } from "@std/assert";
import { FULL } from "../../scripts/test/form.ts";
import { type Random, random } from "../wire/support.ts";
import {
  type Active,
  CmRig,
  type Fate,
  type Host,
  type Passive,
  SERVICE,
} from "./rig.ts";

const SEEDS = FULL ? 5000 : 150;
const CONNECTIONS = 24;
/** Time in which the connections are opened and in which the consumers act. */
const ACTIVE_MS = 20_000;
/** Longer than all timeouts of a connection together. */
const QUIET_MS = 300_000;
/**
 * Maximum number of successive copies of one message that are lost. Without a limit, each of the 8 DREQs of a connection
 * may be lost, and the other end notices only that its packets are not acknowledged.
 */
const MAX_LOSSES = 6;

/** Returns the fate of a MAD. */
function lossy(next: Random): Fate {
  const loss = next(60);
  const losses = new Map<string, number>();
  return ({ from, message }) => {
    assert(message && message.kind !== "unknown");
    const key = `${from} ${message.kind} ${message.body.localCommId}`;
    const lost = losses.get(key) ?? 0;
    if (lost < MAX_LOSSES && next(100) < loss) {
      losses.set(key, lost + 1);
      return [];
    }
    losses.delete(key);
    const delay = () => 1 + next(next(3) === 0 ? 2500 : 30);
    return next(5) === 0 ? [delay(), delay()] : [delay()];
  };
}

/** Calls `act` after a random time. */
function some(rig: CmRig, next: Random, limit: number, act: () => void): void {
  const timer = rig.reactor.timer(() => {
    timer.close();
    act();
  });
  timer.at(rig.now + next(limit));
}

class Consumers {
  readonly rig = new CmRig();
  readonly hosts: readonly Host[];
  readonly opened: { active: Active; qpn: number; from: Host }[] = [];
  readonly accepted: Passive[] = [];
  /** Connections that their own consumer has ended. */
  readonly given = new Set<Active | Passive>();
  readonly #next: Random;

  constructor(seed: number) {
    this.#next = random(seed);
    this.rig.fate = lossy(this.#next);
    this.hosts = [this.rig.host(), this.rig.host(), this.rig.host()];
    for (const host of this.hosts) this.#listen(host);
    for (let i = 0; i < CONNECTIONS; i++) {
      some(this.rig, this.#next, ACTIVE_MS, () => this.#open());
    }
  }

  #listen(host: Host): void {
    const { rig } = this;
    const next = this.#next;
    host.manager.listen(SERVICE, (request) => {
      const answer = () => {
        if (next(8) === 0) request.reject(28);
        else {
          const passive = host.answer(request);
          this.accepted.push(passive);
          this.#perhapsEnd(passive);
        }
      };
      if (next(2) === 0) answer();
      else some(rig, next, 3000, answer);
    });
  }

  #open(): void {
    const next = this.#next;
    const from = this.hosts[next(3)]!;
    const to = this.hosts.filter((host) => host !== from)[next(2)]!;
    const qpn = from.lid << 16 | from.newQpn();
    const active: Active = from.connect(to, {
      qpn,
      timeout: [1000, 4000, 60_000][next(3)]!,
    }, {
      onReply: () => {
        const answer = () => {
          if (next(10) > 0) return active.connection.confirm();
          if (active.connection.state === "rep_received") {
            this.given.add(active);
          }
          active.connection.reject(28);
        };
        if (next(2) === 0) answer();
        else some(this.rig, next, 3000, answer);
      },
    });
    this.opened.push({ active, qpn, from });
    this.#perhapsEnd(active);
  }

  #perhapsEnd(end: Active | Passive): void {
    if (this.#next(2) === 0) return;
    some(this.rig, this.#next, ACTIVE_MS, () => {
      if (end.ends.length === 0) this.given.add(end);
      end.connection.disconnect();
    });
  }

  /** Asserts that the two ends of each connection agree. Returns the number of established ones. */
  check(): number {
    let established = 0;
    const states = ["established", "closed"];
    for (const { active, qpn } of this.opened) {
      const passive = this.accepted.filter(({ request }) =>
        request.qpn === qpn
      );
      for (const { connection: { state } } of [active, ...passive]) {
        assert(states.includes(state), `QPN ${qpn} stays in ${state}`);
      }
      const other = passive.filter(({ connection }) =>
        connection.state === "established"
      ).length;
      const own = active.connection.state === "established" ? 1 : 0;
      assertEquals(other, own, `ends of QPN ${qpn} that are established`);
      established += own;
    }
    for (const end of [...this.accepted, ...this.opened.map((o) => o.active)]) {
      const ended = end.connection.state === "closed";
      assertEquals(
        end.ends.length,
        ended && !this.given.has(end) ? 1 : 0,
        "the end is reported once, and only to a consumer that has not ended the connection",
      );
    }
    return established;
  }

  endAll(): void {
    for (const { active } of this.opened) {
      if (active.ends.length === 0) this.given.add(active);
      active.connection.disconnect();
    }
    this.rig.advance(QUIET_MS);
    for (const host of this.hosts) {
      assertEquals(host.remembered, 0, "nothing is remembered");
    }
    assertEquals(this.check(), 0);
  }
}

Deno.test(`both ends agree after losses, duplicates and delays (${SEEDS} seeds)`, () => {
  let established = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const consumers = new Consumers(seed);
      consumers.rig.advance(ACTIVE_MS + QUIET_MS);
      established += consumers.check();
      consumers.endAll();
    } catch (cause) {
      throw new Error(`Seed ${seed}`, { cause });
    }
  }
  assert(established > SEEDS, `${established} connections were established`);
});
