/** Watches of descriptors that are rarely ready, all registered with one epoll descriptor. */

import { libc } from "../../ffi/libc.ts";
import { IpoibError } from "../base/errors.ts";
import { unwrap } from "./errno.ts";
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
  readonly ready: () => void;
  readonly failed: ((error: IpoibError) => void) | undefined;
  readonly watch: Watch;
  on: boolean;
}

export class SlowWatches {
  readonly #epoll: Fd;
  readonly #events = new Uint8Array(EVENT * EVENTS_PER_CALL);
  readonly #view = new DataView(this.#events.buffer);
  readonly #entries = new Map<number, Entry>();
  #nextId = 1;

  constructor() {
    this.#epoll = new Fd(
      unwrap(
        libc().epoll_create1(EPOLL_CLOEXEC),
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
    const event = new Uint8Array(EVENT);
    const view = new DataView(event.buffer);
    view.setUint32(0, EPOLLIN, true);
    view.setUint32(DATA, id, true);
    const control = (operation: number) =>
      libc().epoll_ctl(this.#epoll.number, operation, fd, event);
    const add = () =>
      unwrap(control(EPOLL_CTL_ADD), "E_WATCH", "watch a descriptor");
    const watch: Watch = {
      enable: (wanted) => {
        if (wanted === entry.on || !this.#entries.has(id)) return;
        entry.on = wanted;
        if (wanted) add();
        else control(EPOLL_CTL_DEL);
      },
      close: () => {
        if (this.#entries.delete(id) && entry.on) control(EPOLL_CTL_DEL);
      },
    };
    const entry: Entry = { ready, failed, watch, on: true };
    add();
    this.#entries.set(id, entry);
    return watch;
  }

  /** Calls the watches that are ready, except those that an earlier callback of the same call closed or disabled. */
  dispatch(): void {
    const count = libc().epoll_wait(
      this.#epoll.number,
      this.#events,
      EVENTS_PER_CALL,
      0,
    );
    for (let i = 0; i < count; i++) {
      const id = this.#view.getUint32(i * EVENT + DATA, true);
      const entry = this.#entries.get(id);
      if (!entry?.on) continue;
      if (entry.failed) guarded(entry, entry.failed);
      else entry.ready();
    }
  }

  close(): void {
    this.#epoll.close();
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
