/** A UD queue pair on a fake device, which never completes a request. */

import { assertEquals } from "@std/assert";
import { addressOf } from "../../../ffi/libc.ts";
import { IbvContext, IbvQp, IbvQpAttr } from "../../../ffi/verbs_layout.ts";
import { Errno } from "../../../src/base/errno.ts";
import { FakeFabric } from "../../../src/hca/fake.ts";
import { Taps } from "../../../src/hca/taps.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import type { VerbsDevice } from "../../../src/hca/verbs/device.ts";
import type { PortResources } from "../../../src/hca/verbs/port_resources.ts";
import {
  SEND_SLOTS,
  VerbsSendMemory,
} from "../../../src/hca/verbs/send_memory.ts";
import { VerbsUdQp } from "../../../src/hca/verbs/ud_qp.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";
import { FakeVerbs } from "./fake_verbs.ts";
import { freeSlots } from "./free_slots.ts";

/** Number of receive buffers. */
export const RECEIVES = 4;
const QPN = 0x48;

/** See the comment at the top of this file. */
export class UdQpRig implements Disposable {
  readonly verbs = new FakeVerbs();
  readonly counted = new VerbsCounters();
  readonly memory: VerbsSendMemory;
  readonly taps = new Taps();
  /** Entries of the completion queues, and the `struct ibv_qp_init_attr`. */
  readonly entries: number[] = [];
  created = new DataView(new ArrayBuffer(0));
  /** State to which the device refuses to change the queue pair, and the errno. */
  refused: number | undefined;
  errno: number = Errno.EIO;
  /** Answer of the device to an attachment to a group: 0, or an errno of either sign. */
  attached = 0;
  readonly qp: VerbsUdQp;
  readonly qps: VerbsUdQp[] = [];
  readonly #object = new Uint8Array(IbvQp.QpNum + 4);

  /** @param large true if the send memory has space for large sends */
  constructor(large: boolean) {
    const { verbs, counted, taps } = this;
    const send = this.memory = new VerbsSendMemory(verbs.library, 0n, large);
    new DataView(this.#object.buffer).setUint32(IbvQp.QpNum, QPN, true);
    const { attributes } = new FakeFabric().addPort({ lid: 0x40 });
    const port = {
      ...{ device: this.#device(), pd: 1n, channel: 2n, send, counted, taps },
      ...{ attributes, reactor: new FakeReactor() },
      ...{ roce: undefined, sharedReceives: 0 },
    };
    this.qp = new VerbsUdQp(port as unknown as PortResources, this.qps, {
      pkeyIndex: 0,
      recvQueueSize: RECEIVES,
    });
    verbs.posts.length = 0;
  }

  #device(): Pick<VerbsDevice, "name" | "context" | "library" | "bind"> {
    const { verbs } = this;
    const idle = { set: () => {}, call: () => 0 };
    const library = {
      ...verbs.library,
      ibv_create_cq: (_context: bigint, entries: number) => {
        this.entries.push(entries);
        return 1n;
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
      bind: (operation, args) =>
        operation === IbvContext.PollCq || operation === IbvContext.ReqNotifyCq
          ? idle
          : verbs.bind(operation, args),
    };
  }

  [Symbol.dispose](): void {
    this.qp.close();
    assertEquals(freeSlots(this.memory), SEND_SLOTS);
    this.memory.close();
  }
}
