/** Creation and modification of the device's queue pairs of all kinds (`ibv_create_qp`, `ibv_modify_qp`). */

import { bytesAt } from "../../../ffi/libc.ts";
import { IbvQp, IbvQpInitAttr } from "../../../ffi/verbs_layout.ts";
import { Errno } from "../../base/errno.ts";
import { hex } from "../../base/hex.ts";
import { lastError } from "../../system/errno.ts";
import type { VerbsDevice } from "./device.ts";

/** Scatter/gather elements of a send: headers and payload of a segment (send_requests.ts). */
const SEND_ELEMENTS = 2;

/** The device objects and the capacities of a queue pair. */
export interface QueuePairCapacity {
  /** `struct ibv_pd *`. */
  readonly pd: bigint;
  /** `struct ibv_cq *`. */
  readonly sendCq: bigint;
  readonly recvCq: bigint;
  /** `struct ibv_srq *`; absent or 0 if the queue pair has a receive queue of its own. */
  readonly srq?: bigint;
  /** Capacities of the send and receive queues, in work requests. */
  readonly sendRequests: number;
  readonly recvRequests: number;
}

/** A queue pair of the device. */
export interface CreatedQueuePair {
  /** `struct ibv_qp *`. */
  readonly handle: bigint;
  readonly qpn: number;
}

/** Creates a queue pair in state RESET. Throws `E_VERBS`. */
export function createQueuePair(
  { library }: Pick<VerbsDevice, "library">,
  capacity: QueuePairCapacity & { readonly type: number },
): CreatedQueuePair {
  const init = new Uint8Array(IbvQpInitAttr.Size);
  const view = new DataView(init.buffer);
  view.setBigUint64(IbvQpInitAttr.SendCq, capacity.sendCq, true);
  view.setBigUint64(IbvQpInitAttr.RecvCq, capacity.recvCq, true);
  view.setBigUint64(IbvQpInitAttr.Srq, capacity.srq ?? 0n, true);
  view.setUint32(IbvQpInitAttr.MaxSendWr, capacity.sendRequests, true);
  view.setUint32(IbvQpInitAttr.MaxRecvWr, capacity.recvRequests, true);
  view.setUint32(IbvQpInitAttr.MaxSendSge, SEND_ELEMENTS, true);
  view.setUint32(IbvQpInitAttr.MaxRecvSge, 1, true);
  view.setUint32(IbvQpInitAttr.QpType, capacity.type, true);
  const handle = library.ibv_create_qp(capacity.pd, init);
  if (handle === 0n) {
    throw lastError("E_VERBS", "create a queue pair", {
      hint:
        "other programs use the device too, and queue pairs take locked memory (ulimit -l)",
    });
  }
  const qpn = new DataView(bytesAt(handle, IbvQp.QpNum + 4))
    .getUint32(IbvQp.QpNum, true);
  return { handle, qpn };
}

/**
 * Modifies a queue pair to the attributes in `struct ibv_qp_attr` that `mask` selects. Throws `E_VERBS`, with `hint` if
 * the process lacks a right (EPERM).
 */
export function modifyQueuePair(
  { library }: Pick<VerbsDevice, "library">,
  { handle, qpn }: CreatedQueuePair,
  attributes: Uint8Array<ArrayBuffer>,
  mask: number,
  hint?: string,
): void {
  const result = library.ibv_modify_qp(handle, attributes, mask);
  if (result === 0) return;
  const why = Math.abs(result);
  throw lastError("E_VERBS", `modify queue pair ${hex(qpn, 0)}`, {
    errno: why,
    ...(why === Errno.EPERM && hint !== undefined ? { hint } : {}),
  });
}
