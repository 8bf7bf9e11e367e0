/**
 * MADs through libibumad with ibsim in place of the kernel. The process must run with libumad2sim.so preloaded and with
 * the name of its node in SIM_HOST (see simulator.ts).
 *
 * ibsim neither retries nor times out, so this class waits for the answer itself.
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

/** Management classes and their versions. */
const CLASSES = [
  [MgmtClass.SubnAdm, SA_CLASS_VERSION],
  [MgmtClass.SubnLidRouted, 1],
] as const;
/** Bytes of the receive buffer; a reassembled answer exceeds the length of a MAD. */
const RECEIVE_LENGTH = 64 * 1024;

/** Agents of the SA class and of LID-routed SMPs on the simulated port. */
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

  /**
   * Sends a MAD to `lid`: an SMP to QP0, other MADs to QP1. Returns the first 256 bytes of the answer, or undefined if
   * no answer arrives within `waitMs`.
   */
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

  /** Receives a MAD and returns its first 256 bytes; undefined if none arrives within `waitMs`. */
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
