/**
 * MADs through libibumad, in the simulator's stead of a kernel: this process must have been started with
 * libumad2sim.so preloaded and with SIM_HOST naming its node (see simulator.ts).
 *
 * The simulator neither repeats nor times out, so an answer that does not come within the wait is none.
 */

import { libibumad } from "../../ffi/libibumad.ts";
import { UserMad } from "../../ffi/umad_layout.ts";
import { emitUserMad } from "../../src/hca/verbs/user_mad.ts";
import {
  gsiAddress,
  MAD_LENGTH,
  MadView,
  MgmtClass,
} from "../../src/wire/mad.ts";
import { SA_CLASS_VERSION } from "../../src/wire/sa/sa_mad.ts";

/** Management classes, with their versions. */
const CLASSES = [
  [MgmtClass.SubnAdm, SA_CLASS_VERSION],
  [MgmtClass.SubnLidRouted, 1],
] as const;
/** Bytes of the receive buffer. A reassembled answer is longer than a MAD. */
const RECEIVE_LENGTH = 64 * 1024;

/** The way from this port's management queue pairs to those of another. */
export class Umad {
  readonly #library = libibumad();
  readonly #port: number;
  readonly #agents = new Map<number, number>();

  constructor() {
    this.#library.umad_init();
    this.#port = this.#library.umad_open_port(null, 0);
    if (this.#port < 0) throw new Error("Cannot open the simulated port");
    for (const [managementClass, version] of CLASSES) {
      const agent = this.#library.umad_register(
        this.#port,
        managementClass,
        version,
        0,
        null,
      );
      if (agent < 0) {
        throw new Error(`Cannot register class ${managementClass}`);
      }
      this.#agents.set(managementClass, agent);
    }
  }

  /** Sends a MAD to `lid`, an SMP to QP0 and others to QP1, and returns the answer, or undefined if none came. */
  exchange(
    lid: number,
    mad: Uint8Array,
    waitMs: number,
  ): Uint8Array | undefined {
    const request = MadView.of(mad);
    const to = request.mgmtClass === MgmtClass.SubnLidRouted
      ? { lid, qpn: 0, qkey: 0, pkeyIndex: 0, sl: 0 }
      : gsiAddress(lid);
    const sent = this.#library.umad_send(
      this.#port,
      this.#agents.get(request.mgmtClass)!,
      emitUserMad(mad, to),
      MAD_LENGTH,
      waitMs,
      0,
    );
    if (sent !== 0) throw new Error(`umad_send() returned ${sent}`);
    const end = performance.now() + waitMs;
    for (let left = waitMs; left > 0; left = end - performance.now()) {
      const answer = this.#receive(Math.ceil(left));
      if (answer !== undefined && answers(MadView.of(answer), request)) {
        return answer;
      }
    }
    return undefined;
  }

  /** The first 256 bytes of what comes next: the simulator cuts longer answers off. */
  #receive(waitMs: number): Uint8Array | undefined {
    const umad = new Uint8Array(UserMad.Data + RECEIVE_LENGTH);
    const length = Int32Array.of(RECEIVE_LENGTH);
    const agent = this.#library.umad_recv(
      this.#port,
      umad,
      new Uint8Array(length.buffer),
      waitMs,
    );
    if (agent < 0) return undefined;
    return umad.slice(UserMad.Data, UserMad.Data + MAD_LENGTH);
  }
}

/** True if the MAD is a response with the low half of the request's TransactionID. */
function answers(mad: MadView, request: MadView): boolean {
  return mad.isResponse && mad.transactionIdLow === request.transactionIdLow;
}
