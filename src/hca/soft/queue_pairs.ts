/** The queue pairs of a port: creation, queue pair numbers (QPNs) and their limit. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import type { RcQpOptions } from "../rc_qp.ts";
import type { UdQpOptions } from "../ud_qp.ts";
import type { Outbound } from "./outbound.ts";
import { RcFailures } from "./rc_failures.ts";
import { type RcQpParts, SoftRcQp } from "./rc_qp.ts";
import { SoftUdQp, type UdQpParts } from "./ud_qp.ts";

/** The QPN of the first queue pair; 0 and 1 are the management queue pairs. */
const FIRST_QPN = 0x48;
/** The last QPN that a queue pair may have; 0xffffff stands for the members of a group. */
const LAST_QPN = 0xfffffe;
/** Maximum number of RC queue pairs of a port. */
const MAX_RC_QPS = 8192;

/** The port's objects that its queue pairs use. */
export type QueuePairsParts =
  & Omit<UdQpParts, "qps">
  & Omit<RcQpParts, "failures" | "rcQps">;

/** The open queue pairs of one port. */
export class QueuePairs {
  readonly #parts: UdQpParts & RcQpParts;
  #nextQpn = FIRST_QPN;

  constructor(parts: QueuePairsParts) {
    this.#parts = {
      ...parts,
      qps: new Set(),
      failures: new RcFailures(parts.reactor),
      rcQps: new Set(),
    };
  }

  /** Number of RC queue pairs. */
  get connected(): number {
    return this.#parts.rcQps.size;
  }

  /** @param outbound the send side of `options.memory` */
  createUd(outbound: Outbound, options: UdQpOptions): SoftUdQp {
    return new SoftUdQp(this.#parts, outbound, this.#newQpn(), options);
  }

  /** Throws `E_QP` (ENOSPC) if the port has {@linkcode MAX_RC_QPS} RC queue pairs. */
  createRc({ receiver, pkeyIndex }: RcQpOptions): SoftRcQp {
    const { port, rcQps } = this.#parts;
    if (rcQps.size >= MAX_RC_QPS) {
      const { device } = port.attributes;
      throw new IpoibError(
        "E_QP",
        `The port of ${device} has the maximum of ${MAX_RC_QPS} RC queue pairs`,
        { errno: Errno.ENOSPC, hint: "close connections" },
      );
    }
    const { outbound, receiveQueue } = receiver as SoftUdQp;
    const qpn = this.#newQpn();
    return new SoftRcQp(this.#parts, outbound, receiveQueue, qpn, pkeyIndex);
  }

  closeAll(): void {
    for (const qp of [...this.#parts.rcQps]) qp.close();
    this.#parts.failures.close();
    for (const qp of [...this.#parts.qps]) qp.close();
  }

  #newQpn(): number {
    let qpn;
    do {
      qpn = this.#nextQpn;
      this.#nextQpn = qpn === LAST_QPN ? FIRST_QPN : qpn + 1;
    } while (this.#parts.inbound.has(qpn));
    return qpn;
  }
}
