/** Connections between two UD queue pairs of the first InfiniBand port of this host, for tests. */

import { assert, assertEquals } from "@std/assert";
import { PostResult } from "../../../src/hca/post_result.ts";
import type { RcConnection, RcFailure, RcQp } from "../../../src/hca/rc_qp.ts";
import { type RxBatch, RxFlag } from "../../../src/hca/rx_batch.ts";
import type { VerbsPort } from "../../../src/hca/verbs/port.ts";
import type { VerbsUdQp } from "../../../src/hca/verbs/ud_qp.ts";
import { DeviceRig } from "./device_rig.ts";

const ENCAP = 0x08000000;
const LIMIT_MS = 20_000;
const PSN = 0x123456;

/** An interface's end: a UD queue pair that receives the messages of its connections. */
class End {
  readonly ud: VerbsUdQp;
  /** Length and first byte of each received message. */
  readonly received: [length: number, first: number][] = [];
  /** True to keep received messages, so that their buffers stay in use. */
  holding = false;
  readonly #port: VerbsPort;

  constructor(port: VerbsPort) {
    this.#port = port;
    this.ud = port.createUdQp({ pkeyIndex: 0, recvQueueSize: 64 }) as VerbsUdQp;
    const batch = this.ud.createBatch();
    this.ud.onReceive = () => {
      while (!this.holding && this.ud.poll(batch) > 0) this.#take(batch);
    };
  }

  connection(): RcQp {
    return this.#port.createRcQp({ pkeyIndex: 0, receiver: this.ud });
  }

  #take(batch: RxBatch): void {
    for (let i = 0; i < batch.count; i++) {
      assertEquals(batch.encap[i], ENCAP);
      assertEquals(batch.flags[i], RxFlag.Connected);
      assertEquals(batch.sourceLid[i], 0);
      const view = batch.view[i]!;
      const at = batch.payload[i]!;
      const length = batch.length[i]!;
      const first = view.getUint8(at);
      for (let k = 0; k < length; k += 997) {
        assertEquals(view.getUint8(at + k), (first + k) & 0xff);
      }
      this.received.push([length, first]);
    }
    this.ud.release(batch);
  }
}

export class ConnectionRig extends DeviceRig {
  readonly a = new End(this.port);
  readonly b = new End(this.port);
  readonly failures: RcFailure[] = [];

  constructor() {
    super(LIMIT_MS);
  }

  /** Creates a connection and returns its ends on `a` and `b`. */
  connect(options: Partial<RcConnection> = {}): [RcQp, RcQp] {
    const ends: [RcQp, RcQp] = [this.a.connection(), this.b.connection()];
    for (const [i, end] of ends.entries()) {
      end.onFailure = (failure) => this.failures.push(failure);
      end.connect({ ...this.to(ends[1 - i]!.qpn), ...options });
    }
    return ends;
  }

  /** Returns the attributes of a connection to a queue pair of the port. */
  to(destQpn: number): RcConnection {
    const { lid, activeMtu } = this.port.attributes;
    return {
      path: { dlid: lid, sl: 0, staticRate: 0 },
      ...{ pathMtu: activeMtu, destQpn, sendPsn: PSN, receivePsn: PSN },
      ...{ ackTimeout: 14, retryCount: 1, rnrRetryCount: 7 },
    };
  }

  /** Sends a message on a queue pair. Each byte of its payload is one more than the byte before. */
  send(qp: RcQp, length: number, first = 0): PostResult {
    const { send } = this.port;
    const slot = send.reserve();
    assert(slot >= 0, "no slot is free");
    const base = slot * send.stride;
    send.view.setInt32(base + send.layout.encap, ENCAP);
    const at = base + send.layout.payload;
    for (let i = 0; i < length; i++) send.bytes[at + i] = first + i;
    return qp.post(slot, length);
  }

  sent(qp: RcQp, length: number, first = 0): void {
    assertEquals(this.send(qp, length, first), PostResult.Sent);
  }
}
