/**
 * The random decisions of packet faults: functions of the seed, the link and the packet's number on the link only.
 *
 * A link is identified by the GUIDs of sender and receiver. Unicast and multicast packets are numbered separately, so
 * that background multicast traffic does not shift the decisions for a connection. No other state is carried from
 * packet to packet, so the decisions for a seed do not depend on timing or on the traffic of other links. Drops because
 * the store of delayed packets is full do depend on timing, and so does the effect of a decision to reorder a packet
 * while an earlier one still waits for its successor (faults.ts).
 *
 * The mixing function is the finalizer of MurmurHash3 (32 bits), applied to a key of the link and a counter.
 */

import type { FaultRule } from "../../subnet/fault_messages.ts";

const WORDS = 2 ** 32;
const GOLDEN = 0x9e3779b9;
/** Independent random draws for one packet. */
const Draw = { drop: 0, duplicate: 1, reorder: 2, jitter: 3 } as const;
const DRAWS = 4;

/** The decisions on one link, in packet order: call {@linkcode next} for each packet, then read the fields. */
export class FaultDecisions {
  drop = false;
  duplicate = false;
  reorder = false;
  /** Delay with jitter in milliseconds, at least 0. */
  delay = 0;
  readonly #key: number;
  readonly #rule: FaultRule;
  #counter = 0;

  /** @param from,to port GUIDs in the form of formatGuid (base/hex.ts) */
  constructor(rule: FaultRule, from: string, to: string, multicast: boolean) {
    this.#rule = rule;
    this.#key = keyOf(`${rule.seed} ${from} ${to} ${multicast ? "m" : "u"}`);
  }

  /** Decides for the next packet. */
  next(): void {
    const { drop = 0, duplicate = 0, reorder = 0, delay = 0, jitter = 0 } =
      this.#rule;
    this.drop = this.#draw(Draw.drop) * 100 < drop;
    this.duplicate = this.#draw(Draw.duplicate) * 100 < duplicate;
    this.reorder = this.#draw(Draw.reorder) * 100 < reorder;
    const swing = jitter === 0 ? 0 : jitter * (2 * this.#draw(Draw.jitter) - 1);
    this.delay = Math.max(0, delay + swing);
    this.#counter = (this.#counter + 1) >>> 0;
  }

  /** Returns a uniformly distributed number in [0, 1) for this packet. */
  #draw(which: number): number {
    const at = Math.imul(this.#counter, DRAWS) + which;
    return mix(this.#key ^ mix(Math.imul(at + 1, GOLDEN))) / WORDS;
  }
}

/** Returns the 32-bit FNV-1a hash of an ASCII text, mixed. */
function keyOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return mix(hash);
}

/** The finalizer of MurmurHash3; returns an unsigned 32-bit integer. */
function mix(word: number): number {
  let x = word | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
