/**
 * The receive side of a queue pair: buffers are posted, polled up to 64 at a time, and posted again as one chain after
 * the engine has released them.
 *
 * Set 0 of the buffers belongs to the UD queue pair. Its connections receive into further sets (connections.ts), whose
 * completions are in the same queue.
 *
 * If the reactor writes frames only with its next wait (io_uring), the released buffers are posted after that wait.
 */

import { Ibv, IbvWc } from "../../../ffi/verbs_layout.ts";
import { lastError } from "../../system/errno.ts";
import { GRH_DGID, GRH_SGID } from "../../wire/grh.ts";
import type { PortAttributes } from "../port_attributes.ts";
import { type RxBatch, RxFlag } from "../rx_batch.ts";
import { type Completions, POLL_BATCH } from "./completion_queue.ts";
import type { ObservedConnection } from "./connected_packet_publisher.ts";
import { Count, type VerbsCounters } from "./counters.ts";
import type { OperationBinder } from "./device.ts";
import type { Registrar } from "./memory.ts";
import type { UdPacketPublisher } from "./ud_packet_publisher.ts";
import { BUFFER_BITS, ReceiveBuffers } from "./receive_buffers.ts";
import { DATAGRAM_BUFFER, PAYLOAD } from "./receive_memory.ts";

const MULTICAST_BYTE = 0xff;
const BUFFER_MASK = (1 << BUFFER_BITS) - 1;

/** A batch with the IDs of the work requests, which `release` uses. */
export interface VerbsRxBatch extends RxBatch {
  readonly capacity: number;
  readonly id: Int32Array;
}

/** The RC queue pairs whose messages are in the queue. */
export interface ConnectedReceivers {
  /**
   * Counts a message and returns its queue pair; undefined if that does not exist or is closed: the message is dropped.
   */
  received(qpn: number): ObservedConnection | undefined;
  /** A receive request has failed. */
  receiveFailed(qpn: number): void;
}

/** The receive queue of one queue pair. */
export class ReceiveQueue {
  /** True after a {@linkcode poll} that has left no completion. */
  emptied = false;
  /** Number of completions of the last {@linkcode poll}, those without a packet too. */
  polled = 0;
  readonly #publisher: UdPacketPublisher;
  readonly #datagrams: ReceiveBuffers;
  /** The sets of buffers by number. */
  readonly #sets: (ReceiveBuffers | undefined)[];
  readonly #cq: Completions;
  readonly #counted: Float64Array;
  readonly #connections: ConnectedReceivers;
  readonly #hasLids: boolean;

  /**
   * Throws `E_MEMLOCK` or `E_VERBS` if the buffers cannot be registered.
   *
   * @param pd `struct ibv_pd *`
   * @param qp `struct ibv_qp *`
   * @param buffers number of buffers
   * @param linkLayer on Ethernet, which has no LIDs, that of a completion is ignored: Linux sets it to 0, but providers of
   * libibverbs (mlx4, mlx5) may not
   */
  constructor(
    device: OperationBinder & { readonly library: Registrar },
    pd: bigint,
    qp: bigint,
    cq: Completions,
    buffers: number,
    counters: VerbsCounters,
    publisher: UdPacketPublisher,
    connections: ConnectedReceivers,
    linkLayer: PortAttributes["linkLayer"],
  ) {
    this.#hasLids = linkLayer === "infiniband";
    this.#publisher = publisher;
    this.#datagrams = new ReceiveBuffers(device, {
      ...{ pd, queue: qp, set: 0, buffers },
      ...{ format: DATAGRAM_BUFFER, shared: false },
    }, counters);
    this.#sets = [this.#datagrams];
    this.#cq = cq;
    this.#counted = counters.values;
    this.#connections = connections;
  }

  /** True after a failed completion or post of the UD queue pair, until {@linkcode postAll}. */
  get failed(): boolean {
    return this.#datagrams.failed;
  }

  /** True if {@linkcode repost} has work: released buffers to post, or retired ones to close. */
  get unposted(): boolean {
    for (let i = 0; i < this.#sets.length; i++) {
      const set = this.#sets[i];
      if (set !== undefined && (set.unposted || set.unused)) return true;
    }
    return false;
  }

  /** Number of posted buffers that have no completion. */
  get outstanding(): number {
    return this.#sets.reduce((sum, set) => sum + (set?.outstanding ?? 0), 0);
  }

  /** Returns a free number for a set of buffers. */
  freeSet(): number {
    const free = this.#sets.indexOf(undefined);
    return free < 0 ? this.#sets.length : free;
  }

  /**
   * Adds the buffers of connections, and posts them. They are closed after they were retired, or with the queue. Throws
   * `E_VERBS` if the device refuses them: they are retired, and the caller destroys what they were posted to.
   */
  addSet(set: number, buffers: ReceiveBuffers): void {
    this.#sets[set] = buffers;
    const errno = buffers.postAll();
    if (errno === 0) return;
    buffers.retire();
    throw lastError("E_VERBS", "post receive buffers", { errno });
  }

  /** Posts every buffer of the UD queue pair that the engine does not hold. Called at the start and after a reset. */
  postAll(): void {
    this.#datagrams.postAll();
  }

  /** Posts the released buffers, and closes retired ones that the engine does not hold. */
  repost(): void {
    for (let i = 0; i < this.#sets.length; i++) {
      const set = this.#sets[i];
      if (set === undefined) continue;
      set.repost();
      if (!set.unused) continue;
      set.close();
      this.#sets[i] = undefined;
    }
  }

  /**
   * Polls up to `limit` completions, moves their packets into `batch`, and returns the number of packets. It may be 0
   * although further packets are ready, if {@linkcode emptied} is false.
   */
  poll(batch: VerbsRxBatch, limit: number): number {
    const completions = this.#cq.view;
    const most = Math.min(limit, batch.capacity);
    const n = Math.max(0, this.#cq.poll(most));
    this.polled = n;
    this.emptied = n < most;
    let count = 0;
    this.#counted[Count.ReceivesCompleted]! += n;
    for (let i = 0; i < n; i++) {
      const at = i * IbvWc.Size;
      const id = completions.getInt32(at + IbvWc.WrId, true);
      const set = this.#sets[id >> BUFFER_BITS];
      // The set of a closed connection.
      if (set === undefined) continue;
      const buffer = id & BUFFER_MASK;
      set.outstanding--;
      const status = completions.getInt32(at + IbvWc.Status, true);
      if (status !== Ibv.WC_SUCCESS) {
        this.#failed(set, buffer, at, status);
        continue;
      }
      const { view, bytes, vnetAddress, stride } = set.memory;
      const base = buffer * stride;
      const length = completions.getInt32(at + IbvWc.ByteLength, true) +
        set.offset - PAYLOAD;
      if (length < 0) {
        this.#counted[Count.TooShort]!++;
        set.append(buffer);
        continue;
      }
      batch.id[count] = id;
      batch.view[count] = view;
      batch.payload[count] = base + PAYLOAD;
      batch.length[count] = length;
      batch.encap[count] = view.getInt32(base + PAYLOAD - 4);
      batch.vnetAddress[count] = vnetAddress[buffer]!;
      if (set !== this.#datagrams) {
        if (this.#takeMessage(at, batch, count)) {
          set.hold(buffer);
          count++;
        } else set.append(buffer);
        continue;
      }
      // A datagram: here, because a call for each costs 1 to 9 ns.
      const wcFlags = completions.getInt32(at + IbvWc.Flags, true);
      const grh = (wcFlags & Ibv.WC_GRH) !== 0;
      const valid = (wcFlags & Ibv.WC_IP_CSUM_OK) !== 0;
      const multicast = grh && bytes[base + GRH_DGID] === MULTICAST_BYTE;
      batch.sourceQpn[count] =
        completions.getInt32(at + IbvWc.SourceQpn, true) & 0xffffff;
      batch.sourceLid[count] = this.#hasLids
        ? completions.getUint16(at + IbvWc.SourceLid, true)
        : 0;
      batch.flags[count] = (grh ? RxFlag.Grh : 0) |
        (multicast ? RxFlag.Multicast : 0) | (valid ? RxFlag.ChecksumOk : 0);
      set.hold(buffer);
      if (this.#publisher.active) {
        this.#publisher.received(
          batch,
          count,
          completions.getUint8(at + IbvWc.Sl),
          completions.getUint8(at + IbvWc.PathBits),
        );
      }
      count++;
    }
    batch.count = count;
    this.#counted[Count.ReceivedPackets]! += count;
    return count;
  }

  /**
   * Completes packet `i` of the batch, a message of a connection whose completion is at an offset. Returns false if the
   * message is dropped, because the connection is closed.
   */
  #takeMessage(at: number, batch: VerbsRxBatch, i: number): boolean {
    const qpn = this.#cq.view.getInt32(at + IbvWc.QpNum, true);
    const connection = this.#connections.received(qpn);
    if (connection === undefined) return false;
    batch.sourceQpn[i] = qpn;
    batch.sourceLid[i] = 0;
    batch.flags[i] = RxFlag.Connected;
    if (this.#publisher.active) {
      this.#publisher.connected.received(batch, i, connection);
    }
    return true;
  }

  /** Releases the buffers of a batch, to be posted by {@linkcode repost}. */
  release(batch: VerbsRxBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const id = batch.id[i]!;
      this.#sets[id >> BUFFER_BITS]?.append(id & BUFFER_MASK);
    }
    batch.count = 0;
  }

  /**
   * Discards the completions from before a reset of the UD queue pair, and abandons its posted buffers. Messages of
   * connections among them are lost, and their buffers are released.
   */
  drain(): void {
    const { view } = this.#cq;
    for (let n = this.#cq.poll(); n > 0; n = this.#cq.poll()) {
      for (let i = 0; i < n; i++) {
        const at = i * IbvWc.Size;
        const id = view.getInt32(at + IbvWc.WrId, true);
        const set = this.#sets[id >> BUFFER_BITS];
        if (set === undefined || set === this.#datagrams) continue;
        set.outstanding--;
        this.#counted[Count.ReceivesCompleted]!++;
        const buffer = id & BUFFER_MASK;
        const status = view.getInt32(at + IbvWc.Status, true);
        if (status === Ibv.WC_SUCCESS) {
          this.#counted[Count.ReceiveErrors]!++;
          set.append(buffer);
        } else this.#failed(set, buffer, at, status);
      }
    }
    this.#datagrams.abandon();
  }

  /** Copies the source GID (16 bytes) of packet `i`. Returns false if the packet has no GRH. */
  sourceGid(batch: RxBatch, i: number, into: Uint8Array): boolean {
    if (!(batch.flags[i]! & RxFlag.Grh)) return false;
    const at = batch.payload[i]! - PAYLOAD + GRH_SGID;
    const { bytes } = this.#datagrams.memory;
    for (let k = 0; k < 16; k++) into[k] = bytes[at + k]!;
    return true;
  }

  createBatch(): VerbsRxBatch {
    const { view, sum } = this.#datagrams.memory;
    return {
      ...sum && { sum },
      count: 0,
      capacity: POLL_BATCH,
      headersMissing: true,
      view: new Array(POLL_BATCH).fill(view),
      payload: new Int32Array(POLL_BATCH),
      length: new Int32Array(POLL_BATCH),
      encap: new Int32Array(POLL_BATCH),
      vnetAddress: new Array(POLL_BATCH).fill(0n),
      sourceQpn: new Int32Array(POLL_BATCH),
      sourceLid: new Int32Array(POLL_BATCH),
      flags: new Int32Array(POLL_BATCH),
      id: new Int32Array(POLL_BATCH),
    };
  }

  close(): void {
    for (const set of this.#sets) set?.close();
  }

  /** Handles a failed receive request, at an offset in the completions. */
  #failed(
    set: ReceiveBuffers,
    buffer: number,
    at: number,
    status: number,
  ): void {
    set.fail(buffer);
    const datagram = set === this.#datagrams;
    // The requests of a connection that is closed or has failed are flushed: that is no further error.
    if (!datagram && status === Ibv.WC_WR_FLUSH_ERR) return;
    this.#counted[Count.ReceiveErrors]!++;
    if (datagram) return;
    const qpn = this.#cq.view.getInt32(at + IbvWc.QpNum, true);
    this.#connections.receiveFailed(qpn);
  }
}
