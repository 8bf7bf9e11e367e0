/** An RC queue pair on libibverbs. connections.ts creates and destroys it. */

import { Ibv } from "../../../ffi/verbs_layout.ts";
import { Errno } from "../../base/errno.ts";
import { hex } from "../../base/hex.ts";
import { IpoibError } from "../../base/errors.ts";
import { CONNECTED_MTU } from "../../base/units.ts";
import { PostResult } from "../post_result.ts";
import type { RcConnection, RcFailure, RcQp } from "../rc_qp.ts";
import type {
  ConnectedPacketPublisher,
  ObservedConnection,
} from "./connected_packet_publisher.ts";
import type { DeviceRcPair } from "./device_rc_pair.ts";
import type { PortResources } from "./port_resources.ts";
import type { RcTable } from "./rc_table.ts";
import type { ReceiveBuffers } from "./receive_buffers.ts";
import type { SendCompletions } from "./send_completions.ts";
import type { SendQueue } from "./send_queue.ts";

/** Parts of a {@linkcode VerbsRcQp}. */
export interface RcParts {
  readonly port: Pick<PortResources, "attributes" | "send" | "counted">;
  /** Index of its P_Key in the port's table. */
  readonly pkeyIndex: number;
  readonly pair: DeviceRcPair;
  readonly sends: SendQueue;
  /** Its own receive buffers, if it has no shared receive queue. */
  readonly buffers: ReceiveBuffers | undefined;
  readonly publisher: ConnectedPacketPublisher;
  /** Flushes the queue pair, and calls {@linkcode VerbsRcQp.reportFailure} from the reactor's loop. */
  readonly table: RcTable;
  readonly completions: SendCompletions;
  /** Called when packets begin to wait: {@linkcode VerbsRcQp.checkProgress} is then to be called at intervals. */
  readonly waiting: () => void;
  /** Called once, when the queue pair is closed: it is then to be destroyed. */
  readonly closed: (qp: VerbsRcQp) => void;
}

/** See {@linkcode RcQp}. */
export class VerbsRcQp implements RcQp, ObservedConnection {
  onFailure: (failure: RcFailure) => void = () => {};
  received = 0;
  /** True while it is in the table's list of queue pairs with packets to post. */
  unposted = false;
  /** True if the device has reported that it uses no more buffers of the shared receive queue. */
  drained = false;
  /** True after {@linkcode close} if the device has no requests, because it was never connected or is gone. */
  idle = false;
  /** What it was connected with. */
  remote: RcConnection | undefined;
  readonly #parts: RcParts;
  #state: "new" | "connected" | "failed" | "closed" = "new";
  #failure: RcFailure | undefined;
  /** Number of completions at the last {@linkcode checkProgress}; undefined since the beginning of a wait. */
  #completed: number | undefined;

  constructor(parts: RcParts) {
    this.#parts = parts;
    parts.sends.onFailed = () => this.fail();
  }

  get qpn(): number {
    return this.#parts.pair.qpn;
  }

  get pkey(): number {
    const { port: { attributes }, pkeyIndex } = this.#parts;
    return attributes.pkeys[pkeyIndex] ?? 0;
  }

  /** `struct ibv_qp *`. */
  get handle(): bigint {
    return this.#parts.pair.handle;
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  connect(to: RcConnection): void {
    const name = `queue pair ${hex(this.qpn, 0)}`;
    if (this.#state !== "new") {
      throw new IpoibError(
        "E_QP_STATE",
        `Cannot connect ${name}: it is ${this.#state}`,
        { errno: Errno.EINVAL },
      );
    }
    try {
      this.#parts.pair.connect(to);
    } catch (cause) {
      throw new IpoibError(
        "E_QP_STATE",
        `The device refuses to connect ${name}`,
        { errno: IpoibError.from(cause).errno ?? Errno.EIO, cause },
      );
    }
    this.#state = "connected";
    this.remote = to;
  }

  post(slot: number, length: number): PostResult {
    const { publisher, port: { send } } = this.#parts;
    const result = this.#append(slot, length);
    if (publisher.active && !this.closed) {
      publisher.sent(result, send, slot, length, this);
    }
    return result;
  }

  #append(slot: number, length: number): PostResult {
    const { port, sends, completions, table } = this.#parts;
    const { attributes, counted, send } = port;
    if (
      this.#state !== "connected" || sends.failed ||
      attributes.state !== "active"
    ) {
      counted.add("xmit_not_ready");
      send.unreserve(slot);
      return PostResult.NotReady;
    }
    // The kernel sends no large sends and no partial checksums in connected mode, but those that are in its queue when
    // the mode changes: they are sent as in datagram mode.
    const longest = send.prepare(slot, length);
    if (longest < 0) {
      counted.add("xmit_malformed");
      send.unreserve(slot);
      return PostResult.Malformed;
    }
    if (longest > CONNECTED_MTU) {
      counted.add("xmit_too_long");
      send.unreserve(slot);
      return PostResult.TooLong;
    }
    if (sends.refuses) completions.drain();
    if (sends.refuses) {
      counted.add("xmit_no_credit");
      send.unreserve(slot);
      return PostResult.NoCredit;
    }
    const { waiting } = sends;
    sends.append(slot, length, undefined, 0, 0);
    table.addUnposted(this);
    if (sends.waiting && !waiting) this.#beginWait();
    return PostResult.Sent;
  }

  /** Posts the packets for which there are requests. Returns true if others wait. */
  flush(): boolean {
    const { sends } = this.#parts;
    sends.flush();
    return sends.waiting;
  }

  #beginWait(): void {
    this.#completed = undefined;
    this.#parts.waiting();
  }

  /**
   * Stalls the queue if packets wait and no message was acknowledged since the last call; the first call of a wait only
   * notes the number. Returns true if packets wait.
   */
  checkProgress(): boolean {
    const { sends } = this.#parts;
    if (sends.waiting && sends.completed === this.#completed) sends.stall();
    this.#completed = sends.completed;
    return sends.waiting;
  }

  /** The device or one of the queues has reported an error. */
  fail(): void {
    if (this.#failure !== undefined || this.closed) return;
    const { sends, table } = this.#parts;
    this.#failure = rcFailure(sends.failure);
    table.addFailed(this);
  }

  /** Stops the queue pair after {@linkcode fail}, so that all its requests complete, and calls `onFailure`. */
  reportFailure(): void {
    if (this.closed || this.#failure === undefined) return;
    this.#state = "failed";
    this.#stop();
    this.#parts.sends.dropUnposted();
    this.onFailure(this.#failure);
  }

  close(): void {
    if (this.closed) return;
    const { sends, closed } = this.#parts;
    if (this.#state === "new") this.idle = true;
    else this.#stop();
    this.#state = "closed";
    sends.dropUnposted();
    closed(this);
  }

  /** Destroys the queue pair of the device. Its slots are free afterwards. */
  destroy(): void {
    const { pair, sends, buffers, completions } = this.#parts;
    this.#state = "closed";
    pair.close();
    completions.drain();
    sends.close();
    buffers?.retire();
  }

  #stop(): void {
    try {
      this.#parts.pair.stop();
    } catch {
      // The device is gone.
      this.idle = true;
    }
  }
}

/** Returns the failure for a status of `enum ibv_wc_status`. */
function rcFailure(status: number): RcFailure {
  switch (status) {
    case Ibv.WC_RETRY_EXC_ERR:
      return "retry_exceeded";
    case Ibv.WC_RNR_RETRY_EXC_ERR:
      return "rnr_retry_exceeded";
    case Ibv.WC_REM_INV_REQ_ERR:
    case Ibv.WC_REM_ACCESS_ERR:
    case Ibv.WC_REM_OP_ERR:
    case Ibv.WC_REM_ABORT_ERR:
      return "remote_error";
    default:
      return "local_error";
  }
}
