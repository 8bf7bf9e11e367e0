/**
 * The shared page of a one-directional link: two single-producer single-consumer rings.
 *
 * | word        | written by | contents                                                        |
 * |-------------|------------|-----------------------------------------------------------------|
 * | 0           | sender     | head of the descriptor ring: number of descriptors written      |
 * | 16          | receiver   | head of the return ring: number of slots returned               |
 * | 32          | both       | receiver's wake request: {@linkcode Wake}                       |
 * | 33          | receiver   | descriptor head at which that request takes effect              |
 * | 48          | both       | wake request of a sender that waits for slots                   |
 * | 64 .. 575   | sender     | 256 descriptors: slot number, payload length in bytes           |
 * | 576 .. 831  | receiver   | 256 returned slots: slot number, and {@linkcode Nak} << 16      |
 *
 * A word has 32 bits. Heads count up and wrap at 32 bits; each has its own cache line. A head is published
 * with `Atomics.store` after its entries, once per batch. Neither side trusts the other: a head that is ahead by more
 * than the ring's capacity ends the link.
 *
 * A receiver that refuses a message of a connection wakes the sender on the link's connection, because a sender looks
 * for returned slots only when it needs slots.
 *
 * A receiver may sleep with a few returned slots unpublished, so that the writes out of these slots are submitted by
 * the system call in which it sleeps. It does not do so if the sender waits for slots or a slot is refused, and a
 * sender that starts to wait wakes it.
 *
 * A running port polls its rings, except those of parked links (incoming_links.ts), which it polls again after a
 * wake-up on the link's connection. A port that sleeps or has run out of slots sets a wake request and is woken by its
 * doorbell (link_bell.ts). The waker clears the request with an atomic exchange. The sleeper sets the request, polls
 * its rings once more, and then waits: an entry published before the request is found by that poll, an entry published
 * after it rings the doorbell. Each link has its own request. With one request per port, a waker that is stopped
 * between clearing the request and ringing the doorbell would silence the port for every other peer (observed in a
 * prototype: all packets of a third port were lost until the stopped process continued).
 *
 * A receiver that moderates its completions (moderation.ts) requests the doorbell at a later head. That word is not
 * accessed atomically: it is written before the request and read after it. A waker that combines a request with the
 * head of another one may ring too early, which costs a turn, but never misses a wake-up: the receiver's last poll
 * finds everything that was published before the waker read the request.
 */

export const RING_BYTES = 4096;
const ENTRIES = 256;
const MASK = ENTRIES - 1;
const DESCRIPTOR_HEAD = 0;
const RETURN_HEAD = 16;
const RECEIVER_SLEEPS = 32;
/** Shares the cache line of {@linkcode RECEIVER_SLEEPS}, to which it belongs. */
const WAKE_AT = 33;
const SENDER_WAITS = 48;

/** The way to wake a port that does not poll a ring. */
export const Wake = {
  /** The port polls the ring. */
  None: 0,
  /** Ring the port's doorbell. */
  Bell: 1,
  /** Send a byte on the link's connection. */
  Connection: 2,
} as const;
export type Wake = typeof Wake[keyof typeof Wake];
/** The receiver's answer to a message of a connection (IBTA vol. 1 9.7.5.2.8). A slot is returned with it. */
export const Nak = {
  /** The packet was taken, or is not of a connection. */
  None: 0,
  /** No receive buffer (RNR NAK): the message may be sent again. */
  NotReady: 1,
  /** A message before this one was not taken: this one must be sent again after it. */
  Sequence: 2,
  /** There is no such connection with the sender. */
  Refused: 3,
} as const;
export type Nak = typeof Nak[keyof typeof Nak];
/** Position of the {@linkcode Nak} in a returned slot. */
export const NAK_SHIFT = 16;
const DESCRIPTORS = 64;
const RETURNS = DESCRIPTORS + 2 * ENTRIES;

/** The sender's side of a ring page. */
export class RingSender {
  readonly #words: Int32Array;
  #head = 0;
  #returned = 0;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Writes a descriptor, which becomes visible to the receiver with {@linkcode publish}. */
  push(slot: number, length: number): void {
    const at = DESCRIPTORS + 2 * (this.#head & MASK);
    this.#words[at] = slot;
    this.#words[at + 1] = length;
    this.#head = (this.#head + 1) | 0;
  }

  /** Makes all descriptors written so far visible. */
  publish(): void {
    Atomics.store(this.#words, DESCRIPTOR_HEAD, this.#head);
  }

  /** Returns the way to wake the receiver for the descriptors written so far, and clears the wake request. */
  takeWake(): Wake {
    const words = this.#words;
    const wake = Atomics.load(words, RECEIVER_SLEEPS);
    if (wake === Wake.None) return Wake.None;
    if (wake === Wake.Bell && ((this.#head - words[WAKE_AT]!) | 0) < 0) {
      return Wake.None;
    }
    return takeWake(words, RECEIVER_SLEEPS);
  }

  /** Sets or clears this side's wake request for returned slots. */
  announceWait(waits: boolean): void {
    Atomics.store(this.#words, SENDER_WAITS, waits ? Wake.Bell : Wake.None);
  }

  /**
   * Returns the way to wake a sleeping receiver, regardless of its wake head, and clears the request. A sleeping
   * receiver may hold unpublished slots.
   */
  takeSleep(): Wake {
    return takeWake(this.#words, RECEIVER_SLEEPS);
  }

  /** Returns the number of published returns not taken yet; negative if the receiver's head is invalid. */
  returns(): number {
    const count = (Atomics.load(this.#words, RETURN_HEAD) - this.#returned) | 0;
    return count > ENTRIES ? -1 : count;
  }

  /** Takes the next returned slot, with its {@linkcode Nak}. Neither is validated. */
  takeReturn(): number {
    const slot = this.#words[RETURNS + (this.#returned & MASK)]!;
    this.#returned = (this.#returned + 1) | 0;
    return slot;
  }
}

/** The receiver's side of a ring page. */
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

  /** Returns the way to wake a sender that waits for slots, and clears the wake request. */
  takeWake(): Wake {
    return takeWake(this.#words, SENDER_WAITS);
  }

  /** Requests the doorbell once `count` descriptors are published and not taken. */
  announceSleep(count: number): void {
    this.#words[WAKE_AT] = (this.#tail + count) | 0;
    Atomics.store(this.#words, RECEIVER_SLEEPS, Wake.Bell);
  }

  /** Requests a wake-up on the connection for the next descriptor: this side stops polling the ring. */
  announceParked(): void {
    Atomics.store(this.#words, RECEIVER_SLEEPS, Wake.Connection);
  }

  /** Clears this side's wake request. */
  retractSleep(): void {
    Atomics.store(this.#words, RECEIVER_SLEEPS, Wake.None);
  }

  /** True if at least `count` published descriptors are not taken, or the sender's head is invalid. */
  has(count: number): boolean {
    const waiting = this.waiting();
    return waiting >= count || waiting < 0;
  }

  /** Returns the number of published descriptors not taken yet; negative if the sender's head is invalid. */
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

  /** Slot number of the descriptor taken last, not validated. */
  get slot(): number {
    return this.#slot;
  }

  /** Payload length in bytes of the descriptor taken last, not validated. */
  get length(): number {
    return this.#length;
  }

  /** Number of returned slots that are not published. */
  get unpublished(): number {
    return (this.#returned - this.#published) | 0;
  }

  /** True if the sender has requested a wake-up for returned slots. */
  get senderWaits(): boolean {
    return Atomics.load(this.#words, SENDER_WAITS) !== Wake.None;
  }

  /** Returns a slot, which becomes visible to the sender with {@linkcode publishReturns}. */
  giveBack(slot: number, nak: Nak = Nak.None): void {
    this.#words[RETURNS + (this.#returned & MASK)] = slot | nak << NAK_SHIFT;
    this.#returned = (this.#returned + 1) | 0;
  }

  /** Makes all slots returned so far visible. */
  publishReturns(): void {
    this.#published = this.#returned;
    Atomics.store(this.#words, RETURN_HEAD, this.#returned);
  }
}

/** Clears and returns a wake request. A faulty peer's undefined value counts as {@linkcode Wake.Connection}. */
function takeWake(words: Int32Array, at: number): Wake {
  if (Atomics.load(words, at) === Wake.None) return Wake.None;
  const wake = Atomics.exchange(words, at, Wake.None);
  return wake === Wake.None || wake === Wake.Bell ? wake : Wake.Connection;
}
