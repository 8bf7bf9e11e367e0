/**
 * A UD queue pair on libibverbs: two completion queues, the send queue, the receive queue, and recovery from errors.
 *
 * Packets are received by polling, as in NAPI: a completion event starts it. While more packets are ready than the
 * budget of a turn allows, the loop continues without sleeping. Once the completion queue is empty it is armed and
 * polled once more, because completions from before the arming raise no event.
 *
 * A failed completion, for example because of an invalid L_Key or address handle, leaves the queue pair in an error
 * state. It is then reset and restarted with the same QPN, Q_Key, groups and buffers. The packets that were posted are
 * lost. If the device refuses that, the queue pair is broken, and its owner closes it.
 *
 * The queue pairs of connections share the completion queues of this one (connections.ts).
 */

import { IpoibError } from "../../base/errors.ts";
import type { Pending } from "../../base/pending_list.ts";
import { ENCAP_LENGTH } from "../../base/units.ts";
import type { AddressHandle } from "../address_handle.ts";
import { PostResult } from "../post_result.ts";
import type { RxBatch } from "../rx_batch.ts";
import {
  type CqModeration,
  QKEY_FROM_QP,
  type QueuePairOptions,
  type UdQp,
} from "../ud_qp.ts";
import type { VerbsAddressHandle } from "./address_handle.ts";
import { type Attached, AttachedGroups } from "./attached_groups.ts";
import { CompletionQueue } from "./completion_queue.ts";
import { connectedReceives, Connections } from "./connections.ts";
import { DeviceQueuePair } from "./device_queue_pair.ts";
import { type ObservedQp, UdPacketPublisher } from "./ud_packet_publisher.ts";
import type { PortQueuePairs } from "./port_queue_pairs.ts";
import type { PortResources } from "./port_resources.ts";
import { RcTable } from "./rc_table.ts";
import { ReceiveQueue, type VerbsRxBatch } from "./receive_queue.ts";
import { SendCompletions } from "./send_completions.ts";
import { SendQueue } from "./send_queue.ts";
import { CONNECTED_REQUESTS } from "./send_requests.ts";

/** Maximum number of receive completions in one turn, so that the network device is served too. */
const RECEIVE_BUDGET = 128;

/** See {@linkcode UdQp}. */
export class VerbsUdQp implements UdQp, ObservedQp, Pending {
  /** True while it is in the list of the active queue pairs. */
  dirty = false;
  onReceive: () => void = () => {};
  onFailure: (error: IpoibError) => void = () => {};
  /** True if the last turn used up the budget, so that more packets may be ready. */
  more = false;
  readonly connections: Connections;
  readonly #table = new RcTable(() => this.#activate());
  readonly #port: PortResources;
  readonly #qps: PortQueuePairs;
  readonly #sendCq: CompletionQueue;
  readonly #recvCq: CompletionQueue;
  readonly #pair: DeviceQueuePair;
  readonly #completions: SendCompletions;
  readonly sends: SendQueue;
  readonly #receives: ReceiveQueue;
  readonly #publisher: UdPacketPublisher;
  readonly #pkeyIndex: number;
  readonly #groups: AttachedGroups;
  #qkey = 0;
  #budget = 0;
  /** True from {@linkcode armSends} to the event. */
  #sendsArmed = false;
  /** True if the device has refused to restart the queue pair. */
  #broken = false;
  #closed = false;

  /**
   * Throws `E_VERBS`.
   *
   * @param qps the constructor adds this one, `close` removes it
   */
  constructor(
    port: PortResources,
    qps: PortQueuePairs,
    { pkeyIndex, recvQueueSize }: QueuePairOptions,
  ) {
    this.#port = port;
    this.#qps = qps;
    const { device, pd, channel, send, counted, observers } = port;
    this.#pkeyIndex = pkeyIndex;
    this.#publisher = new UdPacketPublisher(observers, port, this);
    using parts = new DisposableStack();
    const owned = <T extends { close(): void }>(part: T): T =>
      parts.adopt(part, (each) => each.close());
    // One entry more than the queues have requests, because some devices treat a full completion queue as an error. A
    // connection that is closed leaves completions of requests that are already in use again.
    const connected = connectedReceives(port);
    const sendEntries = send.queueSize + 1 +
      (connected > 0 ? 2 * CONNECTED_REQUESTS : 0);
    this.#sendCq = owned(new CompletionQueue(device, sendEntries, channel));
    this.#recvCq = owned(
      new CompletionQueue(device, recvQueueSize + connected + 1, channel),
    );
    this.#completions = new SendCompletions(this.#sendCq);
    this.#pair = owned(
      new DeviceQueuePair(device, {
        pd,
        sendCq: this.#sendCq.handle,
        recvCq: this.#recvCq.handle,
        sendRequests: send.queueSize,
        recvRequests: recvQueueSize,
        pkeyIndex,
        port: port.attributes.port,
      }),
    );
    this.#groups = new AttachedGroups(this.#pair, port.roce);
    const { handle } = this.#pair;
    this.sends = owned(
      new SendQueue(
        device,
        handle,
        this.#completions,
        send,
        send.requests,
        send.queueSize,
        counted,
      ),
    );
    this.#receives = owned(
      new ReceiveQueue(
        device,
        pd,
        handle,
        this.#recvCq,
        recvQueueSize,
        counted,
        this.#publisher,
        this.#table,
        port.attributes.linkLayer,
      ),
    );
    this.connections = owned(
      new Connections(port, {
        sendCq: this.#sendCq.handle,
        recvCq: this.#recvCq.handle,
        completions: this.#completions,
        receives: this.#receives,
        table: this.#table,
        publisher: this.#publisher.connected,
        pollReceives: () => {
          this.more = true;
          this.#activate();
        },
      }),
    );
    this.#start();
    qps.add(this, [this.#sendCq, this.#recvCq]);
    parts.move();
  }

  get qpn(): number {
    return this.#pair.qpn;
  }

  /** Number of posted requests that have not completed, on the connections too. */
  get outstanding(): number {
    return this.#completions.outstanding;
  }

  /** Number of posted receive buffers that have not completed. */
  get receivesOutstanding(): number {
    return this.#receives.outstanding;
  }

  get qkey(): number {
    return this.#qkey;
  }

  /** The P_Key at the queue pair's index in the port's current table; 0 if there is none. */
  get pkey(): number {
    return this.#port.attributes.pkeys[this.#pkeyIndex] ?? 0;
  }

  get groups(): readonly Attached[] {
    return this.#groups.all;
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
    const publisher = this.#publisher;
    if (publisher.active) {
      const { attributes } = handle;
      publisher.sent(result, send, slot, length, attributes, destQpn, key);
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
    const longest = send.prepare(slot, length);
    if (longest < 0) {
      counted.add("xmit_malformed");
      send.unreserve(slot);
      return PostResult.Malformed;
    }
    // The device would drop a longer message and still report success.
    if (longest + ENCAP_LENGTH > attributes.activeMtu) {
      counted.add("xmit_too_long");
      send.unreserve(slot);
      return PostResult.TooLong;
    }
    this.sends.append(slot, length, handle, destQpn, qkey);
    this.#activate();
    return PostResult.Sent;
  }

  /** Posts the chained packets. */
  flush(): void {
    this.sends.flush();
    this.#table.flush();
  }

  /** Polls send completions. */
  collect(): void {
    this.#completions.poll();
  }

  /** Requests an event for the next send completion. Returns false if one was already requested. */
  armSends(): boolean {
    if (this.#sendsArmed) return false;
    this.#sendsArmed = true;
    this.#sendCq.arm();
    return true;
  }

  /** Handles an event of one of its completion queues. Returns true if there may be packets to receive. */
  onCompletion(cq: bigint): boolean {
    if (cq === this.#recvCq.handle) return true;
    this.#sendsArmed = false;
    return false;
  }

  /** Starts a turn of receiving, after an event or if {@linkcode more} is set. */
  receive(): void {
    this.#activate();
    this.#budget = RECEIVE_BUDGET;
    this.more = false;
    this.#receives.emptied = false;
    this.onReceive();
    if (this.more || this.#closed) return;
    this.#recvCq.arm();
    this.onReceive();
    if (this.#receives.emptied) this.connections.receivesPolled();
    if (!this.#port.reactor.writesLater) this.#receives.repost();
  }

  /** True if the loop must not sleep, because there are packets to receive, buffers to post or an error to recover. */
  get busy(): boolean {
    return this.more || this.#receives.unposted || this.#table.failed ||
      this.#failed && !this.#broken;
  }

  /** True if a turn has nothing to do for it, until it is posted to or an event is received. */
  get idle(): boolean {
    return !this.busy && this.#completions.outstanding === 0 &&
      !this.sends.waiting && !this.#table.unposted;
  }

  #activate(): void {
    if (!this.#closed) this.#qps.active.add(this);
  }

  get #failed(): boolean {
    return this.sends.failed || this.#receives.failed;
  }

  /** Reports the failures of connections. */
  reportFailures(): void {
    if (this.#table.failed) this.#table.reportFailures();
  }

  /** Posts the released buffers. */
  repost(): void {
    this.#receives.repost();
  }

  /**
   * Resets and restarts the queue pair after an error, or calls `onFailure`. Returns true if there was an error and the
   * queue pair works again.
   */
  recover(): boolean {
    if (this.#closed || this.#broken || !this.#failed) return false;
    try {
      this.#restart();
      return true;
    } catch (error) {
      this.#broken = true;
      this.onFailure(IpoibError.from(error));
      return false;
    }
  }

  #restart(): void {
    this.#pair.reset();
    this.#completions.drain();
    this.#receives.drain();
    this.sends.abandon();
    this.#start();
    this.#groups.attachAgain();
  }

  poll(batch: RxBatch): number {
    if (this.#closed) return batch.count = 0;
    while (this.#budget > 0) {
      const n = this.#receives.poll(batch as VerbsRxBatch, this.#budget);
      this.#budget -= this.#receives.polled;
      // 0 ends the turn. After a poll whose messages were all dropped, further packets may be ready.
      if (n > 0 || this.#receives.emptied) return n;
    }
    this.more = true;
    return batch.count = 0;
  }

  release(batch: RxBatch): void {
    if (this.#closed) return;
    this.#receives.release(batch as VerbsRxBatch);
    this.#activate();
    if (!this.#port.reactor.writesLater) this.#receives.repost();
  }

  createBatch(): RxBatch {
    return this.#receives.createBatch();
  }

  sourceGid(batch: RxBatch, i: number, into: Uint8Array): boolean {
    return this.#receives.sourceGid(batch, i, into);
  }

  attachMulticast(mgid: Uint8Array, mlid: number): void {
    this.#groups.attach(mgid, mlid);
  }

  detachMulticast(mgid: Uint8Array, mlid: number): void {
    this.#groups.detach(mgid, mlid);
  }

  setModeration(moderation: CqModeration): void {
    this.#recvCq.moderate(moderation);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Writes of received packets that the reactor has only prepared still read the buffers.
    this.#port.reactor.submit();
    this.#groups.close();
    this.#qps.remove(this, [this.#sendCq, this.#recvCq]);
    this.connections.close();
    this.sends.flush();
    this.#pair.close();
    this.sends.close();
    this.#receives.close();
    this.#sendCq.close();
    this.#recvCq.close();
  }

  #start(): void {
    // Armed first, because a completion from before the arming raises no event.
    this.#recvCq.arm();
    this.#pair.initialize();
    this.#receives.postAll();
    this.#pair.start();
    if (this.#qkey !== 0) this.#pair.setQkey(this.#qkey);
  }
}
