/** A UD queue pair of the device: creation, state transitions (IBTA vol. 1 10.3.1) and multicast attachments. */

import { Ibv, IbvQpAttr } from "../../../ffi/verbs_layout.ts";
import type { VerbsDevice } from "./device.ts";
import { attachRefusal } from "./multicast_refusal.ts";
import {
  createQueuePair,
  modifyQueuePair,
  type QueuePairCapacity,
} from "./queue_pair_calls.ts";
import { released } from "./release.ts";

const CONTROLLED_QKEY_HINT =
  "run with the capability CAP_NET_RAW: the Q_Key is a controlled one";

/** Options of a {@linkcode DeviceQueuePair}. */
export interface DeviceQueuePairOptions extends QueuePairCapacity {
  pkeyIndex: number;
  port: number;
}

/** A `struct ibv_qp`. */
export class DeviceQueuePair {
  /** `struct ibv_qp *`. */
  readonly handle: bigint;
  readonly qpn: number;
  readonly #device: VerbsDevice;
  readonly #options: DeviceQueuePairOptions;
  readonly #bytes = new Uint8Array(IbvQpAttr.Size);
  readonly #view = new DataView(this.#bytes.buffer);
  #qkey = 0;

  /** Creates the queue pair in state RESET. Throws `E_VERBS`. */
  constructor(device: VerbsDevice, options: DeviceQueuePairOptions) {
    this.#device = device;
    this.#options = options;
    const created = createQueuePair(device, { ...options, type: Ibv.QPT_UD });
    this.handle = created.handle;
    this.qpn = created.qpn;
  }

  /** Changes the state from RESET to INIT, in which receives may be posted. Throws `E_VERBS`. */
  initialize(): void {
    const { port, pkeyIndex } = this.#options;
    this.#view.setUint8(IbvQpAttr.Port, port);
    this.#view.setUint16(IbvQpAttr.PkeyIndex, pkeyIndex, true);
    this.#view.setUint32(IbvQpAttr.Qkey, this.#qkey, true);
    this.#modify(
      Ibv.QPS_INIT,
      Ibv.QP_STATE | Ibv.QP_PKEY_INDEX | Ibv.QP_PORT | Ibv.QP_QKEY,
    );
  }

  /** Changes the state from INIT through RTR to RTS. Throws `E_VERBS`. */
  start(): void {
    this.#modify(Ibv.QPS_RTR, Ibv.QP_STATE);
    this.#view.setUint32(IbvQpAttr.SqPsn, 0, true);
    this.#modify(Ibv.QPS_RTS, Ibv.QP_STATE | Ibv.QP_SQ_PSN);
  }

  /** Changes the state to RESET. Throws `E_VERBS`. */
  reset(): void {
    this.#modify(Ibv.QPS_RESET, Ibv.QP_STATE);
  }

  /**
   * Sets the Q_Key of a queue pair in state RTS. Throws `E_VERBS`, for example EPERM for a controlled Q_Key (bit 31,
   * IBTA vol. 1 10.2.5).
   */
  setQkey(qkey: number): void {
    this.#qkey = qkey;
    this.#view.setUint32(IbvQpAttr.Qkey, qkey, true);
    this.#modify(Ibv.QPS_RTS, Ibv.QP_QKEY, CONTROLLED_QKEY_HINT);
  }

  /** Attaches the queue pair to a multicast group. Throws `E_VERBS` (multicast_refusal.ts). */
  attach(mgid: Uint8Array, mlid: number): void {
    const { library, name } = this.#device;
    const group = new Uint8Array(mgid);
    const result = library.ibv_attach_mcast(this.handle, group, mlid);
    if (result !== 0) throw attachRefusal(name, mlid, Math.abs(result));
  }

  detach(mgid: Uint8Array, mlid: number): void {
    const group = new Uint8Array(mgid);
    this.#device.library.ibv_detach_mcast(this.handle, group, mlid);
  }

  /** Destroys the queue pair. */
  close(): void {
    released("a queue pair", this.#device.library.ibv_destroy_qp(this.handle));
  }

  #modify(state: number, mask: number, hint?: string): void {
    this.#view.setUint32(IbvQpAttr.State, state, true);
    modifyQueuePair(this.#device, this, this.#bytes, mask, hint);
  }
}
