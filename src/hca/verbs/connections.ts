/**
 * Creates and destroys the RC queue pairs of a UD queue pair. They share its completion queues, and where the device
 * has them one shared receive queue (SRQ), which is created with the first of them and destroyed with the UD queue pair.
 * Otherwise each has receive buffers of its own, and their number is limited, as `max_nonsrq_conn_qp` of Linux
 * ib_ipoib limits it.
 *
 * A closed queue pair is first stopped. It is destroyed when the device has reported that it uses no more buffers of
 * the SRQ (IBTA vol. 1 11.6.3, "last WQE reached") and its completions were polled, or after a time limit. Otherwise
 * the buffers would be lost: with a queue pair, providers discard its completions without returning them (for example
 * mlx4_cq_clean and mlx5_cq_clean of rdma-core).
 */

import { Ibv } from "../../../ffi/verbs_layout.ts";
import { Errno, errnoText } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";
import type { Timer } from "../../system/reactor.ts";
import type { ConnectedPacketPublisher } from "./connected_packet_publisher.ts";
import type { OperationBinder, VerbsDevice } from "./device.ts";
import { DeviceRcPair } from "./device_rc_pair.ts";
import type { PortResources } from "./port_resources.ts";
import { VerbsRcQp } from "./rc_qp.ts";
import type { RcTable } from "./rc_table.ts";
import {
  ReceiveBuffers,
  type ReceiveBuffersOptions,
} from "./receive_buffers.ts";
import { CONNECTED_BUFFER } from "./receive_memory.ts";
import type { ReceiveQueue } from "./receive_queue.ts";
import type { SendCompletions } from "./send_completions.ts";
import { SendQueue } from "./send_queue.ts";
import { SharedReceiveQueue } from "./shared_receive_queue.ts";

/** Maximum number of packets of one queue pair that have not completed: `send_queue_size` of Linux. */
const SENDS = 128;
/** Number of buffers of an SRQ, for all connections together: 8 MiB. */
const SHARED_BUFFERS = 128;
/** Without an SRQ: number of buffers of each queue pair (1 MiB), and limit of the queue pairs. */
const OWN_BUFFERS = 16;
const MAX_WITHOUT_SRQ = 128;
/** Time limit for the end of a closed queue pair. */
const CLOSE_LIMIT_MS = 1000;
/**
 * Interval in which the peer of a connection must acknowledge a message while others wait, because the port reads no
 * frames meanwhile. A live peer may be descheduled that long on a loaded machine. The device may retry without limit.
 */
const PROGRESS_MS = 250;

/** Returns the number of receive requests that the connections of a UD queue pair can have. */
export function connectedReceives(
  { attributes, sharedReceives }: ConnectionPort,
): number {
  if (attributes.capabilities.connectionManagement !== true) return 0;
  return Math.min(SHARED_BUFFERS, sharedReceives) ||
    OWN_BUFFERS * MAX_WITHOUT_SRQ;
}

/** The members of the port that {@linkcode Connections} uses. */
export interface ConnectionPort extends
  Pick<
    PortResources,
    "reactor" | "pd" | "send" | "counted" | "attributes" | "sharedReceives"
  > {
  readonly device: OperationBinder & Pick<VerbsDevice, "library">;
}

/** The queues that the connections share with the UD queue pair. */
export interface SharedQueues {
  /** `struct ibv_cq *`. */
  readonly sendCq: bigint;
  readonly recvCq: bigint;
  readonly completions: SendCompletions;
  readonly receives: ReceiveQueue;
  readonly table: RcTable;
  readonly publisher: ConnectedPacketPublisher;
  /** Lets the loop poll the receive completions soon, then call {@linkcode Connections.receivesPolled}. */
  readonly pollReceives: () => void;
}

/** The shared receive queue with its buffers. */
interface Shared {
  readonly queue: SharedReceiveQueue;
  readonly buffers: ReceiveBuffers;
}

/** The connections of one UD queue pair. */
export class Connections {
  readonly #port: ConnectionPort;
  readonly #queues: SharedQueues;
  #shared: Shared | undefined;
  /** True after an error of the SRQ or a refused post to it, until it is created again. */
  #sharedFailed = false;
  /** The closed queue pairs that wait for the device, with their time limits; the first one is the oldest. */
  readonly #closing = new Map<VerbsRcQp, number>();
  readonly #timer: Timer;
  readonly #progressTimer: Timer;
  /** True while {@linkcode VerbsRcQp.checkProgress} is called at intervals. */
  #checking = false;

  constructor(port: ConnectionPort, queues: SharedQueues) {
    this.#port = port;
    this.#queues = queues;
    this.#timer = port.reactor.timer(() => this.#closeOverdue());
    this.#progressTimer = port.reactor.timer(() => this.#checkProgress());
  }

  /** Creates a queue pair. Throws `E_QP`. */
  create(pkeyIndex: number): VerbsRcQp {
    const { table } = this.#queues;
    const { sharedReceives } = this.#port;
    if (this.#sharedFailed) throw refused(Errno.EIO);
    if (sharedReceives === 0 && table.size >= MAX_WITHOUT_SRQ) {
      throw refused(Errno.ENOSPC);
    }
    try {
      if (sharedReceives > 0) this.#shared ??= this.#createShared();
      const qp = this.#create(pkeyIndex);
      table.add(qp);
      return qp;
    } catch (cause) {
      // Lets the queue close buffers that the device has refused.
      this.#queues.pollReceives();
      throw refused(IpoibError.from(cause).errno ?? Errno.EIO, cause);
    }
  }

  /** All receive completions from before the call were polled: destroys the closed queue pairs that have no more. */
  receivesPolled(): void {
    if (this.#closing.size === 0) return;
    for (const qp of this.#closing.keys()) {
      if (qp.drained) this.#destroy(qp);
    }
  }

  /** Handles an asynchronous event of a queue pair or of an SRQ. Events of other objects are ignored. */
  onEvent(type: number, element: bigint): void {
    if (type === Ibv.EVENT_SRQ_ERR) {
      if (element === this.#shared?.queue.handle) this.#failShared();
      return;
    }
    for (const qp of this.#queues.table.all) {
      if (qp.handle !== element) continue;
      if (type !== Ibv.EVENT_QP_LAST_WQE_REACHED) qp.fail();
      else {
        qp.drained = true;
        if (this.#closing.has(qp)) this.#queues.pollReceives();
      }
      return;
    }
  }

  /** The SRQ receives no more, or not with all buffers: fails the connections, so that it is created again. */
  #failShared(): void {
    this.#sharedFailed = true;
    for (const qp of this.#queues.table.all) qp.fail();
    this.#closeFailed();
  }

  /** Destroys all queue pairs and the SRQ. */
  close(): void {
    this.#timer.close();
    this.#progressTimer.close();
    for (const qp of [...this.#queues.table.all]) this.#destroy(qp);
    this.#closeShared();
  }

  #create(pkeyIndex: number): VerbsRcQp {
    const { device, pd, send, counted, attributes } = this.#port;
    const { sendCq, recvCq, completions, table, publisher } = this.#queues;
    using parts = new DisposableStack();
    const owned = <T extends { close(): void }>(part: T): T =>
      parts.adopt(part, (each) => each.close());
    const pair = owned(
      new DeviceRcPair(device, {
        ...{ pd, sendCq, recvCq, pkeyIndex, port: attributes.port },
        srq: this.#shared?.queue.handle ?? 0n,
        sendRequests: SENDS,
        recvRequests: this.#shared ? 0 : OWN_BUFFERS,
      }),
    );
    const { handle } = pair;
    const sends = owned(
      new SendQueue(
        ...[device, handle, completions, send] as const,
        ...[send.connectedRequests, SENDS, counted] as const,
      ),
    );
    const buffers = this.#shared ? undefined : this.#addBuffers({
      queue: handle,
      buffers: OWN_BUFFERS,
      shared: false,
    });
    parts.move();
    const qp = new VerbsRcQp({
      ...{ port: this.#port, pkeyIndex, pair, sends, buffers, publisher },
      ...{ table, completions, closed: (qp) => this.#closed(qp) },
      waiting: () => {
        if (!this.#checking) this.#checkLater();
      },
    });
    if (buffers) this.#onRefused(buffers, () => qp.fail());
    return qp;
  }

  #checkLater(): void {
    this.#checking = true;
    const { clock } = this.#port.reactor;
    this.#progressTimer.at(clock.now() + PROGRESS_MS);
  }

  /** Stalls the connections whose packets wait and whose peers have acknowledged nothing for at least one interval. */
  #checkProgress(): void {
    this.#checking = false;
    for (const qp of this.#queues.table.all) {
      if (qp.checkProgress()) this.#checking = true;
    }
    if (this.#checking) this.#checkLater();
  }

  #closed(qp: VerbsRcQp): void {
    if (qp.idle || !this.#shared) return this.#destroy(qp);
    this.#closing.set(qp, this.#port.reactor.clock.now() + CLOSE_LIMIT_MS);
    if (this.#closing.size === 1) this.#closeOverdue();
    if (qp.drained) this.#queues.pollReceives();
  }

  #createShared(): Shared {
    const { device, pd, sharedReceives } = this.#port;
    const count = Math.min(SHARED_BUFFERS, sharedReceives);
    const queue = new SharedReceiveQueue(device, pd, count);
    try {
      const buffers = this.#addBuffers({
        queue: queue.handle,
        buffers: count,
        shared: true,
      });
      this.#onRefused(buffers, () => this.#failShared());
      return { queue, buffers };
    } catch (error) {
      queue.close();
      throw error;
    }
  }

  #addBuffers(
    options: Pick<ReceiveBuffersOptions, "queue" | "buffers" | "shared">,
  ): ReceiveBuffers {
    const { device, pd, counted } = this.#port;
    const { receives } = this.#queues;
    const set = receives.freeSet();
    const format = CONNECTED_BUFFER;
    const all = { pd, set, format, ...options };
    const buffers = new ReceiveBuffers(device, all, counted);
    receives.addSet(set, buffers);
    return buffers;
  }

  /** Calls `fail` if the device refuses buffers, which are lost until their queue is destroyed. */
  #onRefused(buffers: ReceiveBuffers, fail: () => void): void {
    const { attributes: { device, port } } = this.#port;
    buffers.onRefused = (errno) => {
      getLogger(`${device}/${port}`).warn(
        `The device refuses receive buffers of connections: ${
          errnoText(errno)
        }`,
      );
      fail();
    };
  }

  /** Destroys the closed queue pairs whose time is over. */
  #closeOverdue(): void {
    const now = this.#port.reactor.clock.now();
    for (const [qp, limit] of this.#closing) {
      if (limit > now) return this.#timer.at(limit as typeof now);
      this.#destroy(qp);
    }
  }

  #destroy(qp: VerbsRcQp): void {
    const { table } = this.#queues;
    this.#closing.delete(qp);
    qp.destroy();
    table.remove(qp);
    this.#closeFailed();
  }

  /** Destroys an SRQ that has failed once no queue pair uses it. */
  #closeFailed(): void {
    if (this.#sharedFailed && this.#queues.table.size === 0) {
      this.#closeShared();
    }
  }

  #closeShared(): void {
    if (this.#shared) {
      this.#shared.queue.close();
      this.#shared.buffers.retire();
      this.#queues.pollReceives();
    }
    this.#shared = undefined;
    this.#sharedFailed = false;
  }
}

function refused(errno: number, cause?: unknown): IpoibError {
  return new IpoibError(
    "E_QP",
    "The device has no queue pair for another connection",
    { errno, ...(cause === undefined ? {} : { cause }) },
  );
}
