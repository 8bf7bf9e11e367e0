/** libibumad in memory: MADs are put there by a test, and what is sent is kept. */

import type { Libibumad } from "../../../ffi/libibumad.ts";
import { UserMad } from "../../../ffi/umad_layout.ts";
import { createEventFd, drain, ring } from "../../../src/system/event_fd.ts";
import { Errno } from "../../../src/base/errno.ts";

const MAD_LENGTH = 256;

/** What went to the fabric. */
export interface SentUmad {
  mad: Uint8Array<ArrayBuffer>;
  lid: number;
  sl: number;
  agent: number;
  timeout: number;
}

export class FakeUmad implements Disposable {
  readonly sent: SentUmad[] = [];
  /** The sets of methods that were registered for; null: answers only. */
  readonly registered: (string | null)[] = [];
  /** Calls that end something. */
  readonly ended: string[] = [];
  /** Registrations that are refused from now on. */
  refused: "none" | "reports" | "all" = "none";
  /** What opening returns instead of a number of the port. */
  openFailure = 0;
  /** What receiving returns, once nothing waits. */
  idle = -Errno.EAGAIN;
  receives = 0;
  readonly #waiting: Uint8Array[] = [];
  readonly #bell = createEventFd();
  readonly #fd: number;

  /** @param canWait false: the descriptor is one that the kernel does not know */
  constructor(canWait = true) {
    this.#fd = canWait ? this.#bell.number : 0x7ffffff0;
  }

  get library(): Libibumad {
    const nothing = () => 0;
    return {
      umad_init: nothing,
      umad_open_port: () => this.openFailure || 3,
      umad_close_port: () => this.#end("close"),
      umad_get_fd: () => this.#fd,
      umad_register: (_port, _class, _version, _rmpp, methods) =>
        this.#register(methods as Uint8Array | null),
      umad_unregister: (_port, agent) => this.#end(`unregister ${agent}`),
      umad_send: (_port, agent, umad, _length, timeout) =>
        this.#send(agent, umad as Uint8Array, timeout),
      umad_recv: (_port, umad) => this.#receive(umad as Uint8Array),
    };
  }

  /** A MAD arrives, or comes back with a status. */
  arrive(mad: Uint8Array, { lid = 1, status = 0 } = {}): void {
    const umad = new Uint8Array(UserMad.Data + MAD_LENGTH);
    const view = new DataView(umad.buffer);
    view.setUint32(UserMad.Status, status, true);
    view.setUint16(UserMad.Lid, lid);
    view.setUint32(UserMad.Qpn, 1);
    umad.set(mad, UserMad.Data);
    this.#waiting.push(umad);
    this.wake();
  }

  /** The descriptor is readable. */
  wake(): void {
    ring(this.#bell.number);
  }

  [Symbol.dispose](): void {
    this.#bell.close();
  }

  #register(methods: Uint8Array | null): number {
    const { refused } = this;
    if (refused === "all" || refused === "reports" && methods !== null) {
      return -Errno.EPERM;
    }
    this.registered.push(methods && methods.toHex());
    return 7;
  }

  #send(agent: number, umad: Uint8Array, timeout: number): number {
    const view = new DataView(umad.buffer, umad.byteOffset);
    this.sent.push({
      mad: new Uint8Array(umad.slice(UserMad.Data)),
      lid: view.getUint16(UserMad.Lid),
      sl: view.getUint8(UserMad.Sl),
      agent,
      timeout,
    });
    return 0;
  }

  #receive(into: Uint8Array): number {
    this.receives++;
    const umad = this.#waiting.shift();
    if (!umad) {
      if (this.idle === -Errno.EAGAIN) drain(this.#bell.number);
      return this.idle;
    }
    into.set(umad);
    return 7;
  }

  #end(what: string): number {
    this.ended.push(what);
    return 0;
  }
}
