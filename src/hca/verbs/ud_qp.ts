/**
 * A UD queue pair on libibverbs: two completion queues, the send chain, the receive buffers, and recovery.
 *
 * Receiving is like a driver's polling: an event starts it; while there is more than a turn's budget the loop goes on without
 * sleeping; once the queue is empty it is armed and looked at once more, because what came in between makes no event.
 *
 * A completion that failed leaves the pair in an error state (a bad key, a removed address): it is reset and started again
 * with its number, its Q_Key, its groups and its buffers; what was under way is lost.
 */

import { ENCAP_LENGTH } from "../../base/units.ts";
import {
  type AddressHandle,
  type CqModeration,
  PostResult,
  QKEY_FROM_QP,
  type QueuePairOptions,
  type RxBatch,
  type UdQp,
} from "../hca.ts";
import type { VerbsAddressHandle } from "./address_handle.ts";
import { CompletionQueue } from "./completion_queue.ts";
import { DeviceQueuePair } from "./device_queue_pair.ts";
import { type Attached, PacketTap, type TappedQp } from "./packet_tap.ts";
import type { PortResources } from "./port_resources.ts";
import { ReceiveQueue, type VerbsRxBatch } from "./receive_queue.ts";
import { SEND_SLOTS } from "./send_memory.ts";
import { SendQueue } from "./send_queue.ts";

/** Packets of one turn: the network device has its turn too. */
const RECEIVE_BUDGET = 128;

/** See {@linkcode UdQp}. */
export class VerbsUdQp implements UdQp, TappedQp {
  onReceive: () => void = () => {};
  /** True while there is more to receive than the last turn took. */
  more = false;
  readonly #port: PortResources;
  readonly #qps: VerbsUdQp[];
  readonly #sendCq: CompletionQueue;
  readonly #recvCq: CompletionQueue;
  readonly #pair: DeviceQueuePair;
  readonly #sends: SendQueue;
  readonly #receives: ReceiveQueue;
  readonly #tap: PacketTap;
  readonly #pkeyIndex: number;
  readonly #groups: Attached[] = [];
  #qkey = 0;
  #budget = 0;
  #closed = false;

  /**
   * Throws `E_VERBS`.
   *
   * @param qps those of the port: it is among them until it closes
   */
  constructor(
    port: PortResources,
    qps: VerbsUdQp[],
    { pkeyIndex, recvQueueSize }: QueuePairOptions,
  ) {
    this.#port = port;
    this.#qps = qps;
    const { device, pd, channel, send, counted, taps } = port;
    this.#pkeyIndex = pkeyIndex;
    this.#tap = new PacketTap(taps, port, this);
    using parts = new DisposableStack();
    const owned = <T extends { close(): void }>(part: T): T =>
      parts.adopt(part, (each) => each.close());
    // One more than the queue has: a full ring of completions is an error for some devices.
    this.#sendCq = owned(new CompletionQueue(device, SEND_SLOTS + 1, channel));
    this.#recvCq = owned(
      new CompletionQueue(device, recvQueueSize + 1, channel),
    );
    this.#pair = owned(
      new DeviceQueuePair(device, {
        pd,
        sendCq: this.#sendCq.handle,
        recvCq: this.#recvCq.handle,
        sendRequests: SEND_SLOTS,
        recvRequests: recvQueueSize,
        pkeyIndex,
        port: port.attributes.port,
      }),
    );
    const { handle } = this.#pair;
    this.#sends = owned(
      new SendQueue(device, handle, this.#sendCq, send, counted),
    );
    this.#receives = owned(
      new ReceiveQueue(
        device,
        pd,
        handle,
        this.#recvCq,
        recvQueueSize,
        counted,
        this.#tap,
      ),
    );
    this.#start();
    qps.push(this);
    parts.move();
  }

  get qpn(): number {
    return this.#pair.qpn;
  }

  /** Packets under way. */
  get outstanding(): number {
    return this.#sends.outstanding;
  }

  /** Buffers that wait for a packet. */
  get receivesOutstanding(): number {
    return this.#receives.outstanding;
  }

  get qkey(): number {
    return this.#qkey;
  }

  /** The P_Key that the queue pair's index has in the port's table now; 0 if none. */
  get pkey(): number {
    return this.#port.attributes.pkeys[this.#pkeyIndex] ?? 0;
  }

  get groups(): readonly Attached[] {
    return this.#groups;
  }

  setQkey(qkey: number): void {
    this.#qkey = qkey;
    this.#pair.setQkey(qkey);
  }

  post(
    slot: number,
    length: number,
    ah: AddressHandle,
    destQpn: number,
    qkey: number,
  ): PostResult {
    const { counted, send } = this.#port;
    if (this.#closed) {
      counted.add("xmit_not_ready");
      send.unreserve(slot);
      return PostResult.NotReady;
    }
    const handle = ah as VerbsAddressHandle;
    const key = (qkey & QKEY_FROM_QP) !== 0 ? this.#qkey : qkey;
    const result = this.#append(slot, length, handle, destQpn, key);
    if (this.#tap.active) {
      const { attributes } = handle;
      this.#tap.sent(result, send, slot, length, attributes, destQpn, key);
    }
    return result;
  }

  #append(
    slot: number,
    length: number,
    handle: VerbsAddressHandle,
    destQpn: number,
    qkey: number,
  ): PostResult {
    const { attributes, counted, send } = this.#port;
    if (attributes.state !== "active" || !handle.alive) {
      counted.add("xmit_not_ready");
      send.unreserve(slot);
      return PostResult.NotReady;
    }
    // A longer one would complete and be lost without a word.
    if (length + ENCAP_LENGTH > attributes.activeMtu) {
      counted.add("xmit_too_long");
      send.unreserve(slot);
      return PostResult.TooLong;
    }
    this.#sends.append(slot, length, handle, destQpn, qkey);
    return PostResult.Sent;
  }

  /** Posts what is chained. */
  flush(): void {
    this.#sends.flush();
  }

  /** Takes send completions. */
  collect(): void {
    this.#sends.poll();
  }

  /** The next send completion wakes the loop. */
  armSends(): void {
    this.#sendCq.arm();
  }

  /** Receives: there was an event, or there was more. */
  receive(): void {
    this.#budget = RECEIVE_BUDGET;
    this.more = false;
    this.onReceive();
    if (this.more || this.#closed) return;
    this.#recvCq.arm();
    this.onReceive();
    if (!this.#port.reactor.writesLater) this.#receives.repost();
  }

  /** True if the loop must not sleep: there is more to receive, or something to post or to recover after the next wait. */
  get busy(): boolean {
    return this.more || this.#receives.unposted || this.#failed;
  }

  get #failed(): boolean {
    return this.#sends.failed || this.#receives.failed;
  }

  /** Posts the buffers that were given back. */
  repost(): void {
    this.#receives.repost();
  }

  /** Starts again after an error; true if it had to. */
  recover(): boolean {
    if (this.#closed || !this.#failed) return false;
    this.#pair.reset();
    while (this.#sendCq.poll() > 0);
    this.#receives.drain();
    this.#sends.abandon();
    this.#start();
    for (const { mgid, mlid } of this.#groups) {
      // Most devices keep the groups through a reset, and say so.
      try {
        this.#pair.attach(mgid, mlid);
      } catch {
        continue;
      }
    }
    return true;
  }

  poll(batch: RxBatch): number {
    if (this.#closed) return batch.count = 0;
    if (this.#budget <= 0) {
      this.more = true;
      return batch.count = 0;
    }
    const n = this.#receives.poll(batch as VerbsRxBatch, this.#budget);
    this.#budget -= n;
    return n;
  }

  release(batch: RxBatch): void {
    if (this.#closed) return;
    this.#receives.release(batch as VerbsRxBatch);
    if (!this.#port.reactor.writesLater) this.#receives.repost();
  }

  createBatch(): RxBatch {
    return this.#receives.createBatch();
  }

  sourceGid(batch: RxBatch, i: number, into: Uint8Array): boolean {
    return this.#receives.sourceGid(batch, i, into);
  }

  attachMulticast(mgid: Uint8Array, mlid: number): void {
    const { roce } = this.#port;
    using undo = new DisposableStack();
    roce?.join(mgid);
    undo.defer(() => roce?.leave(mgid));
    this.#pair.attach(mgid, mlid);
    undo.move();
    this.#groups.push({ mgid: mgid.slice(), mlid });
  }

  detachMulticast(mgid: Uint8Array, mlid: number): void {
    const key = mgid.join();
    const at = this.#groups.findIndex((group) =>
      group.mlid === mlid && group.mgid.join() === key
    );
    if (at < 0) return;
    this.#groups.splice(at, 1);
    this.#pair.detach(mgid, mlid);
    this.#port.roce?.leave(mgid);
  }

  setModeration(moderation: CqModeration): void {
    this.#recvCq.moderate(moderation);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { mgid, mlid } of this.#groups) {
      this.#pair.detach(mgid, mlid);
      this.#port.roce?.leave(mgid);
    }
    this.#qps.splice(this.#qps.indexOf(this), 1);
    this.#sends.flush();
    this.#pair.close();
    this.#sends.close();
    this.#receives.close();
    this.#sendCq.close();
    this.#recvCq.close();
  }

  #start(): void {
    this.#pair.initialise();
    this.#receives.postAll();
    this.#pair.start();
    if (this.#qkey !== 0) this.#pair.setQkey(this.#qkey);
    this.#recvCq.arm();
  }
}
