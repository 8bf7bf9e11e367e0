/** Watches of descriptors that are registered with one epoll descriptor, so that those that are not ready cost nothing. */

import { errnoCell, libc } from "../../ffi/libc.ts";
import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { lastError, unwrap } from "./errno.ts";
import { Fd } from "./fd.ts";
import type { Watch } from "./reactor.ts";

const EPOLL_CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const EVENTS_PER_CALL = 32;
/** struct epoll_event is packed on x86-64 only. */
const EVENT = Deno.build.arch === "x86_64" ? 12 : 16;
const DATA = EVENT - 8;

interface Entry {
  readonly fd: number;
  readonly ready: () => void;
  readonly failed: ((error: IpoibError) => void) | undefined;
  readonly watch: Watch;
  /** True if the watch is enabled. */
  on: boolean;
  /**
   * True if the descriptor is registered. A disabled watch stays registered until its descriptor is ready, because a
   * reader that has no slot is usually enabled again within the turn.
   */
  registered: boolean;
}

export class EpollWatches {
  readonly #libc = libc();
  readonly #errno = errnoCell();
  readonly #epoll: Fd;
  readonly #events = new Uint8Array(EVENT * EVENTS_PER_CALL);
  readonly #view = new DataView(this.#events.buffer);
  /** struct epoll_event of a change. */
  readonly #change = new Uint8Array(EVENT);
  readonly #entries = new Map<number, Entry>();
  #nextId = 1;
  /** Number of events of the last wait that are not dispatched. */
  #ready = 0;

  constructor() {
    this.#epoll = new Fd(
      unwrap(
        this.#libc.epoll_create1(EPOLL_CLOEXEC),
        "E_EPOLL",
        "create an epoll descriptor",
      ),
    );
  }

  /** The epoll descriptor, which is readable while any watched descriptor is ready. */
  get fd(): number {
    return this.#epoll.number;
  }

  /** See `Reactor.watch`. Throws `E_WATCH`. */
  watch(
    fd: number,
    ready: () => void,
    failed?: (error: IpoibError) => void,
  ): Watch {
    const id = this.#nextId++;
    const watch: Watch = {
      enable: (wanted) => {
        if (!this.#entries.has(id)) return;
        entry.on = wanted;
        if (wanted && !entry.registered) this.#register(id, entry);
      },
      close: () => {
        if (this.#entries.delete(id)) this.#unregister(entry);
      },
    };
    const entry: Entry = {
      fd,
      ready,
      failed,
      watch,
      on: true,
      registered: false,
    };
    this.#register(id, entry);
    this.#entries.set(id, entry);
    return watch;
  }

  /**
   * Waits until a descriptor is ready, at most `limit` milliseconds: an integer, -1 for no limit. Throws `E_POLL`. The
   * events that exceed one call are those of the next wait.
   */
  wait(limit: number): void {
    const ready = this.#libc.epoll_wait(
      this.#epoll.number,
      this.#events,
      EVENTS_PER_CALL,
      limit,
    );
    const why = this.#errno[0]!;
    this.#ready = Math.max(0, ready);
    if (ready < 0 && why !== Errno.EINTR) {
      throw lastError("E_POLL", "wait for descriptors", { errno: why });
    }
  }

  /**
   * Calls the watches that the last wait found ready, except those that an earlier callback of the same call closed or
   * disabled.
   */
  dispatch(): void {
    const count = this.#ready;
    this.#ready = 0;
    for (let i = 0; i < count; i++) {
      const id = this.#view.getUint32(i * EVENT + DATA, true);
      const entry = this.#entries.get(id);
      if (!entry) continue;
      if (!entry.on) this.#unregister(entry);
      else if (entry.failed) guarded(entry, entry.failed);
      else entry.ready();
    }
  }

  close(): void {
    this.#epoll.close();
  }

  /** Throws `E_WATCH`. */
  #register(id: number, entry: Entry): void {
    const view = new DataView(this.#change.buffer);
    view.setUint32(0, EPOLLIN, true);
    view.setUint32(DATA, id, true);
    const result = this.#control(EPOLL_CTL_ADD, entry);
    unwrap(result, "E_WATCH", "watch a descriptor");
    entry.registered = true;
  }

  #unregister(entry: Entry): void {
    if (!entry.registered) return;
    entry.registered = false;
    this.#control(EPOLL_CTL_DEL, entry);
  }

  #control(operation: number, { fd }: Entry): number {
    return this.#libc.epoll_ctl(
      this.#epoll.number,
      operation,
      fd,
      this.#change,
    );
  }
}

function guarded(
  { ready, watch }: Entry,
  failed: (error: IpoibError) => void,
): void {
  try {
    ready();
  } catch (error) {
    watch.close();
    failed(IpoibError.from(error));
  }
}
