/** libibumad in memory: MADs are put there by a test, and what is sent is kept. */

import type { Libibumad } from "../../../ffi/libibumad.ts";
import { UserMad } from "../../../ffi/umad_layout.ts";
import { createEventFd, drain, ring } from "../../../src/system/event_fd.ts";
import { Errno } from "../../../src/base/errno.ts";
import { emitUserMad, parseUserMad } from "../../../src/hca/verbs/user_mad.ts";
import { gsiAddress } from "../../../src/wire/mad.ts";

/** What went to the fabric. */
export interface SentUmad {
  mad: Uint8Array<ArrayBuffer>;
  lid: number;
  sl: number;
  pkeyIndex: number;
  agent: number;
  timeout: number;
}

export class FakeUmad implements Disposable {
  readonly sent: SentUmad[] = [];
  /** The sets of methods that were registered for; null: answers only. */
  readonly registered: unknown[] = [];
  /** Calls that end something. */
  readonly ended: string[] = [];
  /** True: registrations are refused. */
  refused = false;
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
        this.#register(methods),
      umad_unregister: (_port, agent) => this.#end(`unregister ${agent}`),
      umad_send: (_port, agent, umad, _length, timeout) =>
        this.#send(agent, umad as Uint8Array, timeout),
      umad_recv: (_port, umad) => this.#receive(umad as Uint8Array),
    };
  }

  /** A MAD arrives, or comes back with a status. */
  arrive(mad: Uint8Array, { lid = 1, status = 0 } = {}): void {
    const umad = emitUserMad(mad, gsiAddress(lid));
    new DataView(umad.buffer).setUint32(UserMad.Status, status, true);
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

  #register(methods: unknown): number {
    if (this.refused) return -Errno.EPERM;
    this.registered.push(methods);
    return 7;
  }

  #send(agent: number, umad: Uint8Array, timeout: number): number {
    const { mad, address } = parseUserMad(umad)!;
    this.sent.push({
      mad: new Uint8Array(mad),
      lid: address.lid,
      sl: address.sl,
      pkeyIndex: address.pkeyIndex,
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
