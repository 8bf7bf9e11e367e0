/**
 * The receive side of a queue pair: buffers are posted, polled up to 64 at a time, and posted again as one chain after
 * the engine has released them.
 *
 * If the reactor writes frames only with its next wait (io_uring), the released buffers are posted after that wait.
 */

import type { BoundCall } from "../../../ffi/libffi.ts";
import { Ibv, IbvContext, IbvWc } from "../../../ffi/verbs_layout.ts";
import { GRH_DGID, GRH_SGID } from "../../wire/grh.ts";
import { type RxBatch, RxFlag } from "../hca.ts";
import { type Completions, POLL_BATCH } from "./completion_queue.ts";
import { Count, type VerbsCounters } from "./counters.ts";
import type { OperationBinder } from "./device.ts";
import { NativeMemory, type Registrar } from "./memory.ts";
import type { PacketTap } from "./packet_tap.ts";
import { PAYLOAD, ReceiveMemory, STRIDE } from "./receive_memory.ts";

const MULTICAST_BYTE = 0xff;

/** A batch with the buffer numbers that `release` uses. */
export interface VerbsRxBatch extends RxBatch {
  readonly capacity: number;
  readonly buffer: Int32Array;
}

/** The receive queue of one queue pair. */
export class ReceiveQueue {
  /** True after a failed completion or post, until {@linkcode postAll}. */
  failed = false;
  readonly #tap: PacketTap;
  readonly #memory: ReceiveMemory;
  readonly #cq: Completions;
  readonly #counted: Float64Array;
  readonly #bad = new NativeMemory(8);
  readonly #post: BoundCall;
  /** The chain of released buffers to post: its first and last buffer, -1 if empty, and its length. */
  #first = -1;
  #last = -1;
  #chained = 0;
  /** Number of posted buffers. */
  #outstanding = 0;
  /** 1 for each buffer that the engine holds. */
  readonly #held: Uint8Array;

  /**
   * Throws `E_VERBS` if the buffers cannot be registered.
   *
   * @param pd `struct ibv_pd *`
   * @param qp `struct ibv_qp *`
   * @param buffers number of buffers
   */
  constructor(
    device: OperationBinder & { readonly library: Registrar },
    pd: bigint,
    qp: bigint,
    cq: Completions,
    buffers: number,
    counters: VerbsCounters,
    tap: PacketTap,
  ) {
    this.#tap = tap;
    this.#memory = new ReceiveMemory(device.library, pd, buffers);
    this.#held = new Uint8Array(buffers);
    this.#cq = cq;
    this.#counted = counters.values;
    this.#post = device.bind(IbvContext.PostRecv, [qp, 0n, this.#bad.address]);
  }

  /** True if released buffers are not posted yet. */
  get unposted(): boolean {
    return this.#first >= 0;
  }

  /** Number of posted buffers that have no completion. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Posts every buffer that the engine does not hold. Called at the start and after a reset. */
  postAll(): void {
    this.#first = -1;
    this.#chained = 0;
    this.failed = false;
    for (let i = 0; i < this.#memory.buffers; i++) {
      if (!this.#held[i]) this.#append(i);
    }
    this.repost();
  }

  /** Posts the released buffers. */
  repost(): void {
    if (this.#first < 0) return;
    const { requestLow, requestHigh } = this.#memory;
    this.#post.set(1, requestLow[this.#first]!, requestHigh[this.#first]!);
    this.#first = -1;
    // Buffers that a queue pair in error refuses count as posted until its recovery abandons them and posts them again.
    this.#outstanding += this.#chained;
    this.#counted[Count.ReceivesPosted]! += this.#chained;
    this.#chained = 0;
    if (this.#post.call() !== 0) this.failed = true;
  }

  /** Moves up to `limit` packets into `batch` and returns their number. */
  poll(batch: VerbsRxBatch, limit: number): number {
    const { view, bytes, vnetAddress } = this.#memory;
    const completions = this.#cq.view;
    const n = Math.max(0, this.#cq.poll(Math.min(limit, batch.capacity)));
    let count = 0;
    this.#outstanding -= n;
    this.#counted[Count.ReceivesCompleted]! += n;
    for (let i = 0; i < n; i++) {
      const at = i * IbvWc.Size;
      const buffer = completions.getInt32(at + IbvWc.WrId, true);
      if (completions.getInt32(at + IbvWc.Status, true) !== Ibv.WC_SUCCESS) {
        this.#counted[Count.ReceiveErrors]!++;
        this.failed = true;
        continue;
      }
      const length = completions.getInt32(at + IbvWc.ByteLength, true) -
        PAYLOAD;
      if (length < 0) {
        this.#counted[Count.TooShort]!++;
        this.#append(buffer);
        continue;
      }
      const base = buffer * STRIDE;
      const wcFlags = completions.getInt32(at + IbvWc.Flags, true);
      const grh = (wcFlags & Ibv.WC_GRH) !== 0;
      const valid = (wcFlags & Ibv.WC_IP_CSUM_OK) !== 0;
      const multicast = grh && bytes[base + GRH_DGID] === MULTICAST_BYTE;
      batch.buffer[count] = buffer;
      batch.view[count] = view;
      batch.payload[count] = base + PAYLOAD;
      batch.length[count] = length;
      batch.encap[count] = view.getInt32(base + PAYLOAD - 4);
      batch.vnetAddress[count] = vnetAddress[buffer]!;
      batch.sourceQpn[count] =
        completions.getInt32(at + IbvWc.SourceQpn, true) & 0xffffff;
      batch.sourceLid[count] = completions.getUint16(
        at + IbvWc.SourceLid,
        true,
      );
      batch.flags[count] = (grh ? RxFlag.Grh : 0) |
        (multicast ? RxFlag.Multicast : 0) | (valid ? RxFlag.ChecksumOk : 0);
      this.#held[buffer] = 1;
      if (this.#tap.active) {
        this.#tap.received(
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

  /** Releases the buffers of a batch, to be posted by {@linkcode repost}. */
  release(batch: VerbsRxBatch): void {
    for (let i = 0; i < batch.count; i++) this.#append(batch.buffer[i]!);
    batch.count = 0;
  }

  /** Discards the completions from before a reset, and abandons the posted buffers. */
  drain(): void {
    while (this.#cq.poll() > 0);
    this.#abandon();
  }

  /** Copies the source GID (16 bytes) of packet `i`. Returns false if the packet has no GRH. */
  sourceGid(batch: RxBatch, i: number, into: Uint8Array): boolean {
    if (!(batch.flags[i]! & RxFlag.Grh)) return false;
    const at = batch.payload[i]! - PAYLOAD + GRH_SGID;
    const { bytes } = this.#memory;
    for (let k = 0; k < 16; k++) into[k] = bytes[at + k]!;
    return true;
  }

  createBatch(): VerbsRxBatch {
    const { view } = this.#memory;
    return {
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
      buffer: new Int32Array(POLL_BATCH),
    };
  }

  close(): void {
    this.#abandon();
    this.#memory.close();
    this.#bad.close();
  }

  #abandon(): void {
    this.#counted[Count.ReceivesAbandoned]! += this.#outstanding;
    this.#outstanding = 0;
  }

  #append(buffer: number): void {
    this.#chained++;
    this.#held[buffer] = 0;
    this.#memory.link(buffer, -1);
    if (this.#first < 0) this.#first = buffer;
    else this.#memory.link(this.#last, buffer);
    this.#last = buffer;
  }
}
