/**
 * The management classes for which the libibumad worker registers with the kernel, and the parameters of the
 * registrations (Linux drivers/infiniband/core/user_mad.c and mad.c).
 *
 * An agent without methods receives only the responses to its own requests. A CM message is a Send, which is not a
 * response: it is delivered to the agent that has registered for the method, whatever its TransactionID.
 */

import { CM_CLASS_VERSION } from "../../wire/cm/cm_mad.ts";
import { Method, MgmtClass } from "../../wire/mad.ts";
import { SA_CLASS_VERSION } from "../../wire/sa/sa_mad.ts";

/** One registration. */
export interface UmadClass {
  readonly mgmtClass: number;
  readonly version: number;
  /** 128 bits, one for each method whose MADs the agent receives; null: responses only. */
  readonly methods: Uint8Array<ArrayBuffer> | null;
  /** Milliseconds for which the kernel waits for the response to a sent MAD; 0: no response is expected. */
  readonly timeoutMs: number;
}

/** Subnet administration. The time is longer than the time-outs of the SA client. */
export const SA_CLASS: UmadClass = {
  mgmtClass: MgmtClass.SubnAdm,
  version: SA_CLASS_VERSION,
  methods: null,
  timeoutMs: 4000,
};

/** Connection management (IBTA vol. 1 12.6, 16.7.2). */
export const CM_CLASS: UmadClass = {
  mgmtClass: MgmtClass.CommunicationManagement,
  version: CM_CLASS_VERSION,
  methods: methodMask(Method.Send),
  timeoutMs: 0,
};

/** Returns the mask with the bit of one method, little-endian. */
function methodMask(method: number): Uint8Array<ArrayBuffer> {
  const mask = new Uint8Array(16);
  mask[method >> 3] = 1 << (method & 7);
  return mask;
}
