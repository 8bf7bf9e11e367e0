/** A UD queue pair on a fake device, which completes sends and receives when the test says so. */

import { assertEquals } from "@std/assert";
import { addressOf, bytesAt } from "../../../ffi/libc.ts";
import {
  Ibv,
  IbvContext,
  IbvQp,
  IbvQpAttr,
  IbvSendWr,
  IbvWc,
} from "../../../ffi/verbs_layout.ts";
import { Errno } from "../../../src/base/errno.ts";
import { FakeFabric } from "../../../src/hca/fake.ts";
import { PacketObservers } from "../../../src/hca/packet_observers.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import type { VerbsDevice } from "../../../src/hca/verbs/device.ts";
import { PortQueuePairs } from "../../../src/hca/verbs/port_queue_pairs.ts";
import type { PortResources } from "../../../src/hca/verbs/port_resources.ts";
import {
  SEND_SLOTS,
  VerbsSendMemory,
} from "../../../src/hca/verbs/send_memory.ts";
import { VerbsUdQp } from "../../../src/hca/verbs/ud_qp.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";
import { FakeCompletions, FakeVerbs, type SeenRequest } from "./fake_verbs.ts";
import { freeSlots } from "./free_slots.ts";

/** Number of receive buffers. */
export const RECEIVES = 4;
const QPN = 0x48;
/** The first completion queue that is created. */
const SEND_CQ = 1n;

/** See the comment at the top of this file. */
export class UdQpRig implements Disposable {
  readonly verbs = new FakeVerbs();
  readonly counted = new VerbsCounters();
  readonly memory: VerbsSendMemory;
  readonly observers = new PacketObservers();
  readonly reactor = new FakeReactor();
  /** Entries of the completion queues, and the `struct ibv_qp_init_attr`. */
  readonly entries: number[] = [];
  created = new DataView(new ArrayBuffer(0));
  /** State to which the device refuses to change the queue pair, and the errno. */
  refused: number | undefined;
  errno: number = Errno.EIO;
  /** Answer of the device to an attachment to a group: 0, or an errno of either sign. */
  attached = 0;
  readonly qp: VerbsUdQp;
  readonly qps = new PortQueuePairs();
  /** The completions of receives. */
  readonly received = new FakeCompletions();
  /** Number of completions of receives that had waited each time that their queue was armed. */
  readonly waitedAtArm: number[] = [];
  readonly #object = new Uint8Array(IbvQp.QpNum + 4);
  #completed: SeenRequest | undefined;

  /**
   * @param large true if the send memory has space for large sends
   * @param receives number of receive buffers
   */
  constructor(large: boolean, receives = RECEIVES) {
    const { verbs, counted, observers } = this;
    const send = this.memory = new VerbsSendMemory(verbs.library, 0n, large);
    new DataView(this.#object.buffer).setUint32(IbvQp.QpNum, QPN, true);
    const { attributes } = new FakeFabric().addPort({ lid: 0x40 });
    const port = {
      ...{
        device: this.#device(),
        pd: 1n,
        channel: 2n,
        send,
        counted,
        observers,
      },
      ...{ attributes, reactor: this.reactor },
      ...{ roce: undefined, sharedReceives: 0 },
    };
    this.qp = new VerbsUdQp(port as unknown as PortResources, this.qps, {
      pkeyIndex: 0,
      recvQueueSize: receives,
    });
    verbs.posts.length = 0;
  }

  #device(): Pick<VerbsDevice, "name" | "context" | "library" | "bind"> {
    const { verbs } = this;
    const library = {
      ...verbs.library,
      ibv_create_cq: (_context: bigint, entries: number) => {
        this.entries.push(entries);
        return BigInt(this.entries.length);
      },
      ibv_destroy_cq: () => 0,
      ibv_create_qp: (_pd: bigint, init: Uint8Array) => {
        this.created = new DataView(init.slice().buffer);
        return addressOf(this.#object);
      },
      ibv_modify_qp: (_qp: bigint, attributes: Uint8Array) => {
        const view = new DataView(attributes.buffer);
        const state = view.getUint32(IbvQpAttr.State, true);
        return state === this.refused ? this.errno : 0;
      },
      ibv_destroy_qp: () => 0,
      ibv_attach_mcast: () => this.attached,
    } as unknown as VerbsDevice["library"];
    return {
      ...{ name: "fake", context: 0n, library },
      bind: (operation, args) => {
        const [cq, , address] = args as [bigint, bigint, bigint];
        const sends = cq === SEND_CQ;
        switch (operation) {
          case IbvContext.PollCq: {
            let limit = 0;
            return {
              set: (_index, low) => limit = low,
              call: () =>
                sends ? this.#complete(address) : this.#receive(address, limit),
            };
          }
          case IbvContext.ReqNotifyCq:
            return { set: () => {}, call: () => sends ? 0 : this.#armed() };
          default:
            return verbs.bind(operation, args);
        }
      },
    };
  }

  /** Completes the last posted send with the next poll, and so all before it. */
  completeSends(): void {
    this.#completed = this.verbs.posts.flat().at(-1);
  }

  /** Writes the completion, if there is one, to a `struct ibv_wc`. Returns the number of completions. */
  #complete(address: bigint): number {
    const completed = this.#completed;
    if (!completed) return 0;
    this.#completed = undefined;
    const view = new DataView(bytesAt(address, IbvWc.Size));
    const id = completed.request.getBigUint64(IbvSendWr.WrId, true);
    view.setBigUint64(IbvWc.WrId, id, true);
    view.setUint32(IbvWc.Status, Ibv.WC_SUCCESS, true);
    return 1;
  }

  /** Moves up to `limit` completions of receives to an array of `struct ibv_wc`. Returns their number. */
  #receive(address: bigint, limit: number): number {
    const { received } = this;
    const n = received.poll(limit);
    const bytes = new Uint8Array(bytesAt(address, n * IbvWc.Size));
    bytes.set(new Uint8Array(received.view.buffer, 0, bytes.length));
    return n;
  }

  #armed(): number {
    this.waitedAtArm.push(this.received.waiting.length);
    return 0;
  }

  [Symbol.dispose](): void {
    this.qp.close();
    assertEquals(freeSlots(this.memory), SEND_SLOTS);
    this.memory.close();
  }
}
