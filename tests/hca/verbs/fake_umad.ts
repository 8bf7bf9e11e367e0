/** A fake libibumad: a test supplies the received MADs, and sent MADs are recorded. */

import { errnoCell } from "../../../ffi/errno.ts";
import type { Libibumad } from "../../../ffi/libibumad.ts";
import { UserMad } from "../../../ffi/umad_layout.ts";
import { createEventFd, drain, ring } from "../../../src/system/event_fd.ts";
import { Errno } from "../../../src/base/errno.ts";
import { emitUserMad, parseUserMad } from "../../../src/hca/verbs/user_mad.ts";
import { gsiAddress, type MadGrh } from "../../../src/wire/mad.ts";

/** Agent ID of the first registration. */
const FIRST_AGENT = 7;

/** A sent MAD with its address. */
export interface SentUmad {
  mad: Uint8Array<ArrayBuffer>;
  lid: number;
  sl: number;
  pkeyIndex: number;
  agent: number;
  /** Milliseconds. */
  timeout: number;
  /** Absent if the MAD has none. */
  grh?: MadGrh;
}

/** The fake library, with one port. */
export class FakeUmad implements Disposable {
  readonly sent: SentUmad[] = [];
  /** The class and the method mask of each registration; null: responses only. */
  readonly registered: [mgmtClass: number, methods: unknown][] = [];
  /** Calls that close the port or remove the registration, in order. */
  readonly ended: string[] = [];
  /** Classes whose registration is refused. */
  refused: readonly number[] = [];
  /** If not 0, the result of opening the port. */
  openFailure = 0;
  /** If not 0, the errno with which sends fail. */
  sendErrno = 0;
  /** True if sends without a GRH fail with EINVAL, as in Linux user_mad.c on a port that requires one. */
  grhRequired = false;
  /** Result of receiving if there is no MAD. */
  idle = -Errno.EAGAIN;
  /** Number of calls of `umad_recv`. */
  receives = 0;
  readonly #waiting: Uint8Array[] = [];
  readonly #bell = createEventFd();
  readonly #fd: number;

  /** @param pollable false for a descriptor that is not open in the kernel */
  constructor(pollable = true) {
    this.#fd = pollable ? this.#bell.number : 0x7ffffff0;
  }

  get library(): Libibumad {
    const nothing = () => 0;
    return {
      umad_init: nothing,
      umad_open_port: () => this.openFailure || 3,
      umad_close_port: () => this.#end("close"),
      umad_get_fd: () => this.#fd,
      umad_register: (_port, mgmtClass, _version, _rmpp, methods) =>
        this.#register(mgmtClass, methods),
      umad_unregister: (_port, agent) => this.#end(`unregister ${agent}`),
      umad_send: (_port, agent, umad, _length, timeout) =>
        this.#send(agent, umad as Uint8Array, timeout),
      umad_recv: (_port, umad) => this.#receive(umad as Uint8Array),
    };
  }

  /** Supplies a received MAD, or with a status a request that the kernel returns. */
  arrive(mad: Uint8Array, { lid = 1, status = 0 } = {}): void {
    const umad = emitUserMad(mad, gsiAddress(lid));
    new DataView(umad.buffer).setUint32(UserMad.Status, status, true);
    this.#waiting.push(umad);
    this.wake();
  }

  /** Makes the descriptor readable. */
  wake(): void {
    ring(this.#bell.number);
  }

  [Symbol.dispose](): void {
    this.#bell.close();
  }

  #register(mgmtClass: number, methods: unknown): number {
    if (this.refused.includes(mgmtClass)) {
      errnoCell()[0] = Errno.EINVAL;
      return -Errno.EPERM;
    }
    this.registered.push([mgmtClass, methods]);
    return FIRST_AGENT + this.registered.length - 1;
  }

  #send(agent: number, umad: Uint8Array, timeout: number): number {
    const { mad, address } = parseUserMad(umad)!;
    const { grh } = address;
    const failure = this.sendErrno ||
      (this.grhRequired && !grh ? Errno.EINVAL : 0);
    if (failure !== 0) {
      errnoCell()[0] = failure;
      return -Errno.EIO;
    }
    this.sent.push({
      mad: new Uint8Array(mad),
      lid: address.lid,
      sl: address.sl,
      pkeyIndex: address.pkeyIndex,
      agent,
      timeout,
      ...(grh ? { grh } : {}),
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

  #end(call: string): number {
    this.ended.push(call);
    return 0;
  }
}
