/** The connections of a UD queue pair on a fake device, for tests. */

import { assertEquals } from "@std/assert";
import { errnoCell } from "../../../ffi/errno.ts";
import { addressOf } from "../../../ffi/libc.ts";
import { IbvQp } from "../../../ffi/verbs_layout.ts";
import { Errno } from "../../../src/base/errno.ts";
import { FakeFabric } from "../../../src/hca/fake.ts";
import type { RcConnection } from "../../../src/hca/rc_qp.ts";
import { Connections } from "../../../src/hca/verbs/connections.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import type { VerbsDevice } from "../../../src/hca/verbs/device.ts";
import { UdPacketPublisher } from "../../../src/hca/verbs/ud_packet_publisher.ts";
import { RcTable } from "../../../src/hca/verbs/rc_table.ts";
import { ReceiveQueue } from "../../../src/hca/verbs/receive_queue.ts";
import { SendCompletions } from "../../../src/hca/verbs/send_completions.ts";
import {
  SEND_SLOTS,
  VerbsSendMemory,
} from "../../../src/hca/verbs/send_memory.ts";
import { PacketObservers } from "../../../src/hca/packet_observers.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";
import { FakeCompletions, FakeVerbs } from "./fake_verbs.ts";
import { freeSlots } from "./free_slots.ts";

const { attributes } = new FakeFabric().addPort({ lid: 0x40 });
export const DATAGRAM_BUFFERS = 4;
export const SRQ = 0x5000n;
/** Longer than the time limit for the end of a closed queue pair. */
const CLOSE_MS = 2000;
const TO = {
  path: { dlid: 9, sl: 0, staticRate: 0 },
  ...{ pathMtu: 2048, destQpn: 0x48, sendPsn: 1, receivePsn: 2 },
  ...{ ackTimeout: 14, retryCount: 3, rnrRetryCount: 6 },
} as RcConnection;

/** See the comment at the top of this file. */
export class ConnectionsRig implements Disposable {
  readonly verbs = new FakeVerbs();
  readonly counted = new VerbsCounters();
  readonly reactor = new FakeReactor();
  readonly memory = new VerbsSendMemory(this.verbs.library, 0n, true);
  readonly table = new RcTable(() => {});
  readonly sendCq = new FakeCompletions();
  readonly recvCq = new FakeCompletions();
  readonly completions = new SendCompletions(this.sendCq);
  readonly receives: ReceiveQueue;
  readonly connections: Connections;
  /** Calls that create and destroy objects, in order. */
  readonly calls: string[] = [];
  /** Number of requests to poll the receive completions. */
  polls = 0;
  /** True if the device refuses to create queue pairs. */
  refused = false;
  readonly #objects: Uint8Array[] = [];

  /** @param sharedReceives limit of the device for an SRQ; 0: it has none */
  constructor(readonly sharedReceives: number) {
    const { verbs, memory, counted, table, reactor } = this;
    const library = {
      ...verbs.library,
      ibv_create_srq: (_pd: bigint, init: Uint8Array) => {
        const requests = new DataView(init.slice().buffer).getUint32(8, true);
        this.calls.push(`create srq ${requests}`);
        return SRQ;
      },
      ibv_destroy_srq: () => this.calls.push("destroy srq"),
      ibv_create_qp: () => this.#createQp(),
      ibv_modify_qp: () => 0,
      ibv_destroy_qp: () => this.calls.push("destroy qp"),
    } as unknown as VerbsDevice["library"];
    const device = {
      library,
      bind: (operation: number, args: readonly bigint[]) =>
        verbs.bind(operation, args),
    };
    const qp = { qpn: 1, pkey: 0xffff, qkey: 0, groups: [] };
    const publisher = new UdPacketPublisher(new PacketObservers(), {
      attributes,
    }, qp);
    this.receives = new ReceiveQueue(
      ...[device, 0n, 0n, this.recvCq, DATAGRAM_BUFFERS] as const,
      ...[counted, publisher, table] as const,
      "infiniband",
    );
    this.receives.postAll();
    this.connections = new Connections({
      ...{ reactor, device, pd: 0n, send: memory, counted, attributes },
      sharedReceives,
    }, {
      ...{ sendCq: 2n, recvCq: 3n, table, receives: this.receives },
      completions: this.completions,
      publisher: publisher.connected,
      pollReceives: () => this.polls++,
    });
  }

  /** Creates a connected queue pair. */
  connect() {
    const qp = this.connections.create(0);
    qp.connect(TO);
    return qp;
  }

  /** Creates two connected queue pairs that are closed when they fail. Returns a list to which the failures are added. */
  connectTwo(): string[] {
    const failures: string[] = [];
    for (const end of [this.connect(), this.connect()]) {
      end.onFailure = (failure) => {
        failures.push(failure);
        end.close();
      };
    }
    return failures;
  }

  /** Posts what the turn has chained. */
  flush(): void {
    this.table.flush();
  }

  /** Completes the posted send number `i`, and so all before it on its connection. */
  complete(i: number): void {
    this.flush();
    const { id, request } = this.verbs.posts.flat()
      .filter(({ message }) => message.length > 0)[i]!;
    this.sendCq.waiting.push({ id, tag: request.getInt32(4, true) });
    this.completions.poll();
  }

  /**
   * Receives a message for no connection into the first buffer of set `set`, and posts that again; the device refuses it.
   */
  refuseReceive(set: number): void {
    this.recvCq.waiting.push({ id: set << 16, length: 100 });
    this.receives.poll(this.receives.createBatch(), 64);
    this.verbs.accepts = 0;
    this.receives.repost();
    this.verbs.accepts = Infinity;
  }

  /** True if each receive buffer is counted as completed, abandoned or outstanding. */
  get counts(): boolean {
    const { counted, receives } = this;
    return counted.get("rcv_posted") === counted.get("rcv_completed") +
        counted.get("rcv_abandoned") + receives.outstanding;
  }

  /** Advances the time by more than the limit for closed queue pairs. */
  wait(): void {
    this.reactor.clock.advance(CLOSE_MS);
    this.reactor.turn();
  }

  #createQp(): bigint {
    if (this.refused) {
      errnoCell()[0] = Errno.EINVAL;
      return 0n;
    }
    const object = new Uint8Array(IbvQp.QpNum + 4);
    this.#objects.push(object);
    const qpn = 0x10 + this.#objects.length;
    new DataView(object.buffer).setUint32(IbvQp.QpNum, qpn, true);
    this.calls.push("create qp");
    return addressOf(object);
  }

  [Symbol.dispose](): void {
    this.connections.close();
    this.receives.close();
    assertEquals(freeSlots(this.memory), SEND_SLOTS);
    this.memory.close();
  }
}
