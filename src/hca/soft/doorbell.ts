/**
 * A port's doorbell: one eventfd for all its peers, and a page of flags that says when it must be rung.
 *
 * A running port looks at its rings by itself; only one that announced its sleep (or that ran out of slots) needs
 * a system call. The waker takes the announcement away with an exchange, so that of several peers one rings.
 * The sleeper announces, looks at its rings once more, and then waits: a descriptor published before the
 * announcement is seen by that look, one published after it rings.
 */

import { createEventFd, drain, ring } from "../../system/event_fd.ts";
import { Fd } from "../../system/fd.ts";
import { createMemory, Mapping, sealedSize } from "../../system/memory.ts";
import { IpoibError } from "../../base/errors.ts";

const FLAGS_BYTES = 4096;
/** The port sleeps: ring for new descriptors. */
const SLEEPING = 0;
/** The port waits for slots: ring for returned ones. */
const STARVED = 16;

/** The port's own doorbell. */
export class Doorbell {
  readonly event: Fd = createEventFd();
  readonly memory: Fd = createMemory("ipoib-flags", FLAGS_BYTES);
  readonly #mapping = new Mapping(this.memory.number, FLAGS_BYTES, "write");
  readonly #flags = new Int32Array(this.#mapping.buffer);

  announceSleep(starved: boolean): void {
    Atomics.store(this.#flags, SLEEPING, 1);
    Atomics.store(this.#flags, STARVED, starved ? 1 : 0);
  }

  awake(): void {
    Atomics.store(this.#flags, SLEEPING, 0);
    Atomics.store(this.#flags, STARVED, 0);
  }

  /** Takes the rings so far, so that the next wait waits. */
  drain(): void {
    drain(this.event.number);
  }

  close(): void {
    this.event.close();
    this.memory.close();
    this.#mapping.unmap();
  }
}

/** A peer's doorbell. */
export class PeerDoorbell {
  readonly #event: Fd;
  readonly #mapping: Mapping;
  readonly #flags: Int32Array;

  /** Takes over the two descriptors of a peer; throws `E_PEER_MEMORY` if they are not what they should be. */
  constructor(event: Fd, memory: Fd) {
    using flags = memory;
    if (sealedSize(flags.number) !== FLAGS_BYTES) {
      throw new IpoibError(
        "E_PEER_MEMORY",
        "Flags of a peer have a wrong size",
      );
    }
    this.#mapping = new Mapping(flags.number, FLAGS_BYTES, "write");
    this.#flags = new Int32Array(this.#mapping.buffer);
    this.#event = event;
  }

  /** Descriptors were published. */
  ringForWork(): void {
    this.#ring(SLEEPING);
  }

  /** Slots were returned. */
  ringForCredit(): void {
    this.#ring(STARVED);
  }

  #ring(flag: number): void {
    if (
      Atomics.load(this.#flags, flag) === 1 &&
      Atomics.exchange(this.#flags, flag, 0) === 1
    ) ring(this.#event.number);
  }

  close(): void {
    this.#event.close();
    this.#mapping.unmap();
  }
}
