/** An RC queue pair of the device: creation and state transitions (IBTA vol. 1 10.3.1, 11.2.5.2). */

import { Ibv, IbvQpAttr } from "../../../ffi/verbs_layout.ts";
import { ibMtuCode } from "../../base/units.ts";
import type { RcConnection } from "../rc_qp.ts";
import { addressAttributes } from "./address_handle.ts";
import type { VerbsDevice } from "./device.ts";
import {
  createQueuePair,
  modifyQueuePair,
  type QueuePairCapacity,
} from "./queue_pair_calls.ts";
import { released } from "./release.ts";

/** Code of 0.64 ms, for which a sender waits after an RNR NAK (IBTA vol. 1 9.7.5.2.8). */
const MIN_RNR_TIMER = 12;

/** Options of a {@linkcode DeviceRcPair}. */
export interface DeviceRcPairOptions extends QueuePairCapacity {
  readonly pkeyIndex: number;
  readonly port: number;
}

/** A `struct ibv_qp` of type RC. */
export class DeviceRcPair {
  /** `struct ibv_qp *`. */
  readonly handle: bigint;
  readonly qpn: number;
  readonly #device: Pick<VerbsDevice, "library">;
  readonly #port: number;
  readonly #bytes = new Uint8Array(IbvQpAttr.Size);
  readonly #view = new DataView(this.#bytes.buffer);

  /** Creates the queue pair in state INIT, in which receives may be posted. Throws `E_VERBS`. */
  constructor(
    device: Pick<VerbsDevice, "library">,
    { port, pkeyIndex, ...capacity }: DeviceRcPairOptions,
  ) {
    this.#device = device;
    this.#port = port;
    const created = createQueuePair(device, { ...capacity, type: Ibv.QPT_RC });
    this.handle = created.handle;
    this.qpn = created.qpn;
    this.#view.setUint8(IbvQpAttr.Port, port);
    this.#view.setUint16(IbvQpAttr.PkeyIndex, pkeyIndex, true);
    // The remote end needs no access to memory: there are only sends.
    this.#view.setUint32(IbvQpAttr.AccessFlags, 0, true);
    try {
      this.#modify(
        Ibv.QPS_INIT,
        Ibv.QP_PKEY_INDEX | Ibv.QP_PORT | Ibv.QP_ACCESS_FLAGS,
      );
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Changes the state from INIT through RTR to RTS. Throws `E_VERBS`. */
  connect(to: RcConnection): void {
    const view = this.#view;
    this.#bytes.set(addressAttributes(to.path, this.#port), IbvQpAttr.Path);
    view.setUint32(IbvQpAttr.PathMtu, ibMtuCode(to.pathMtu)!, true);
    view.setUint32(IbvQpAttr.DestQpn, to.destQpn, true);
    view.setUint32(IbvQpAttr.RqPsn, to.receivePsn, true);
    view.setUint8(IbvQpAttr.MaxDestReads, 0);
    view.setUint8(IbvQpAttr.MinRnrTimer, MIN_RNR_TIMER);
    this.#modify(
      Ibv.QPS_RTR,
      Ibv.QP_AV | Ibv.QP_PATH_MTU | Ibv.QP_DEST_QPN | Ibv.QP_RQ_PSN |
        Ibv.QP_MAX_DEST_RD_ATOMIC | Ibv.QP_MIN_RNR_TIMER,
    );
    view.setUint32(IbvQpAttr.SqPsn, to.sendPsn, true);
    view.setUint8(IbvQpAttr.Timeout, to.ackTimeout);
    view.setUint8(IbvQpAttr.RetryCount, to.retryCount);
    view.setUint8(IbvQpAttr.RnrRetry, to.rnrRetryCount);
    view.setUint8(IbvQpAttr.MaxReads, 0);
    this.#modify(
      Ibv.QPS_RTS,
      Ibv.QP_SQ_PSN | Ibv.QP_TIMEOUT | Ibv.QP_RETRY_CNT | Ibv.QP_RNR_RETRY |
        Ibv.QP_MAX_QP_RD_ATOMIC,
    );
  }

  /** Changes the state to ERR: all posted requests fail. Throws `E_VERBS`. */
  stop(): void {
    this.#modify(Ibv.QPS_ERR, 0);
  }

  /** Destroys the queue pair. */
  close(): void {
    released("a queue pair", this.#device.library.ibv_destroy_qp(this.handle));
  }

  #modify(state: number, mask: number): void {
    this.#view.setUint32(IbvQpAttr.State, state, true);
    modifyQueuePair(this.#device, this, this.#bytes, Ibv.QP_STATE | mask);
  }
}
