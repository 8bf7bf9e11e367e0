/**
 * The shared page of a one-directional link: two single-producer single-consumer rings.
 *
 * | word        | written by | holds                                                    |
 * |-------------|------------|----------------------------------------------------------|
 * | 0           | sender     | descriptors written so far (head of the descriptor ring) |
 * | 16          | receiver   | slots returned so far (head of the return ring)          |
 * | 32          | both       | how the receiver is to be woken: {@linkcode Wake}        |
 * | 33          | receiver   | the head at which it wants that                          |
 * | 48          | both       | how the sender, which waits for slots, is to be woken    |
 * | 64 .. 575   | sender     | 256 descriptors: slot, payload length                    |
 * | 576 .. 831  | receiver   | 256 slot numbers                                         |
 *
 * Heads count up and wrap at 32 bits; each lies in a cache line of its own. A head is published with
 * `Atomics.store` after its entries, once per batch. Neither side believes the other: a head that runs ahead by
 * more than the ring holds ends the link.
 *
 * A receiver may sleep over a few slots that it has given back but not published, so that what is written out of them goes with
 * the system call that it sleeps in. It does not if the sender waits for slots, and a sender that begins to wait wakes it.
 *
 * A running port looks at its rings by itself, but for those that were silent for long (incoming_links.ts), of which it looks at none
 * until it is woken for one by the link's connection. A port that announced its sleep (or that ran out of slots) is woken by
 * its doorbell. Either costs the waker a system call. The waker takes the announcement away with an exchange. The sleeper announces, looks at its rings
 * once more, and then waits: an entry published before the announcement is seen by that look, one published after it
 * rings. The announcement is a word of each link and not of the port: a waker that is stopped between taking the
 * announcement and ringing the bell would otherwise silence the port for every other peer (seen in the throw-away: all
 * packets of a third port were lost until the stopped one went on).
 *
 * A receiver that moderates its completions (moderation.ts) asks for the bell only at a later head. That word is plain
 * memory: it is written before the announcement and read after it. A waker that pairs an announcement with the head of
 * another one may ring too early, which costs a turn, but never misses: whatever it published before it looked is seen by
 * the receiver's last look.
 */

export const RING_BYTES = 4096;
const ENTRIES = 256;
const MASK = ENTRIES - 1;
const DESCRIPTOR_HEAD = 0;
const RETURN_HEAD = 16;
const RECEIVER_SLEEPS = 32;
/** In the cache line of the announcement that it belongs to. */
const WAKE_AT = 33;
const SENDER_WAITS = 48;

/** How a port is to be woken that looks at a ring no more. */
export const Wake = {
  /** It looks by itself. */
  None: 0,
  /** By its doorbell. */
  Bell: 1,
  /** By a byte on the link's connection. */
  Connection: 2,
} as const;
export type Wake = typeof Wake[keyof typeof Wake];
const DESCRIPTORS = 64;
const RETURNS = DESCRIPTORS + 2 * ENTRIES;

/** The sender's side. */
export class RingSender {
  readonly #words: Int32Array;
  #head = 0;
  #returned = 0;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Writes a descriptor; the receiver sees it after {@linkcode publish}. */
  push(slot: number, length: number): void {
    const at = DESCRIPTORS + 2 * (this.#head & MASK);
    this.#words[at] = slot;
    this.#words[at + 1] = length;
    this.#head = (this.#head + 1) | 0;
  }

  publish(): void {
    Atomics.store(this.#words, DESCRIPTOR_HEAD, this.#head);
  }

  /** How the receiver must be woken; takes its announcement. */
  takeWake(): Wake {
    const words = this.#words;
    const wake = Atomics.load(words, RECEIVER_SLEEPS);
    if (wake === Wake.None) return Wake.None;
    if (wake === Wake.Bell && ((this.#head - words[WAKE_AT]!) | 0) < 0) {
      return Wake.None;
    }
    return takeWake(words, RECEIVER_SLEEPS);
  }

  /** Announces (or takes back) that this side waits for slots. */
  announceWait(waits: boolean): void {
    Atomics.store(this.#words, SENDER_WAITS, waits ? Wake.Bell : Wake.None);
  }

  /** Takes the announcement of a receiver that sleeps, whatever head it sleeps for: it may keep slots until it wakes. */
  takeSleep(): Wake {
    return takeWake(this.#words, RECEIVER_SLEEPS);
  }

  /** How many returned slots wait to be taken; negative if the receiver's head is impossible. */
  returns(): number {
    const count = (Atomics.load(this.#words, RETURN_HEAD) - this.#returned) | 0;
    return count > ENTRIES ? -1 : count;
  }

  /** The next returned slot, as the receiver wrote it. */
  takeReturn(): number {
    const slot = this.#words[RETURNS + (this.#returned & MASK)]!;
    this.#returned = (this.#returned + 1) | 0;
    return slot;
  }
}

/** The receiver's side. */
export class RingReceiver {
  readonly #words: Int32Array;
  #tail = 0;
  #returned = 0;
  #published = 0;
  #slot = 0;
  #length = 0;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** How the sender must be woken; takes its announcement. */
  takeWake(): Wake {
    return takeWake(this.#words, SENDER_WAITS);
  }

  /** Announces that this side sleeps until `count` descriptors wait. */
  announceSleep(count: number): void {
    this.#words[WAKE_AT] = (this.#tail + count) | 0;
    Atomics.store(this.#words, RECEIVER_SLEEPS, Wake.Bell);
  }

  /** Announces that this side does not look at the ring until it is woken by the connection. */
  announceParked(): void {
    Atomics.store(this.#words, RECEIVER_SLEEPS, Wake.Connection);
  }

  /** Takes the announcement back. */
  retractSleep(): void {
    Atomics.store(this.#words, RECEIVER_SLEEPS, Wake.None);
  }

  /** True if at least `count` descriptors wait, or the sender's head is impossible. */
  has(count: number): boolean {
    const waiting = this.waiting();
    return waiting >= count || waiting < 0;
  }

  /** How many descriptors wait; negative if the sender's head is impossible. */
  waiting(): number {
    const count = (Atomics.load(this.#words, DESCRIPTOR_HEAD) - this.#tail) | 0;
    return count > ENTRIES ? -1 : count;
  }

  /** Takes the next descriptor into {@linkcode slot} and {@linkcode length}. */
  take(): void {
    const at = DESCRIPTORS + 2 * (this.#tail & MASK);
    this.#slot = this.#words[at]!;
    this.#length = this.#words[at + 1]!;
    this.#tail = (this.#tail + 1) | 0;
  }

  get slot(): number {
    return this.#slot;
  }

  get length(): number {
    return this.#length;
  }

  /** Slots that were given back and that the sender does not see yet. */
  get unpublished(): number {
    return (this.#returned - this.#published) | 0;
  }

  /** True if the sender waits for slots. */
  get senderWaits(): boolean {
    return Atomics.load(this.#words, SENDER_WAITS) !== Wake.None;
  }

  /** Gives a slot back; the sender sees it after {@linkcode publishReturns}. */
  giveBack(slot: number): void {
    this.#words[RETURNS + (this.#returned & MASK)] = slot;
    this.#returned = (this.#returned + 1) | 0;
  }

  publishReturns(): void {
    this.#published = this.#returned;
    Atomics.store(this.#words, RETURN_HEAD, this.#returned);
  }
}

/** Takes an announcement. A value that is none counts as {@linkcode Wake.Connection}: the peer's memory is not to be trusted. */
function takeWake(words: Int32Array, at: number): Wake {
  if (Atomics.load(words, at) === Wake.None) return Wake.None;
  const wake = Atomics.exchange(words, at, Wake.None);
  return wake === Wake.None || wake === Wake.Bell ? wake : Wake.Connection;
}
