/** A UD queue pair on a fake device: its capacities, and the checks of posted packets. */

import { assert, assertEquals } from "@std/assert";
import { addressOf } from "../../../ffi/libc.ts";
import { IbvContext, IbvQp, IbvQpInitAttr } from "../../../ffi/verbs_layout.ts";
import type { IbMtu } from "../../../src/base/units.ts";
import { FakeFabric } from "../../../src/hca/fake.ts";
import { PostResult } from "../../../src/hca/hca.ts";
import { Taps } from "../../../src/hca/taps.ts";
import { VerbsAddressHandle } from "../../../src/hca/verbs/address_handle.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import type { PortResources } from "../../../src/hca/verbs/port_resources.ts";
import {
  SEND_SLOTS,
  VerbsSendMemory,
} from "../../../src/hca/verbs/send_memory.ts";
import { SEND_REQUESTS } from "../../../src/hca/verbs/send_requests.ts";
import { VerbsUdQp } from "../../../src/hca/verbs/ud_qp.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import {
  checkSegments,
  frameOf,
  large,
  parsed,
} from "../../wire/large_send_packet.ts";
import { type Seen, seen } from "../tapped.ts";
import { FakeVerbs } from "./fake_verbs.ts";
import { freeSlots } from "./free_slots.ts";

const ENCAP = 0x08000000;
const RECEIVES = 4;
const PATH = { dlid: 9, sl: 3, staticRate: 0 };

class Rig implements Disposable {
  readonly verbs = new FakeVerbs();
  readonly counted = new VerbsCounters();
  readonly memory = new VerbsSendMemory(this.verbs.library, 0n, true);
  readonly taps = new Taps();
  /** Entries of the completion queues, and the `struct ibv_qp_init_attr`. */
  readonly entries: number[] = [];
  created = new DataView(new ArrayBuffer(0));
  readonly qp: VerbsUdQp;
  readonly #object = new Uint8Array(IbvQp.QpNum + 4);

  constructor() {
    const { verbs, memory: send, counted, taps } = this;
    const { attributes } = new FakeFabric().addPort({ lid: 0x40 });
    const idle = { set: () => {}, call: () => 0 };
    const device = {
      library: {
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
        ibv_modify_qp: () => 0,
        ibv_destroy_qp: () => 0,
      },
      bind: (operation: number, args: readonly bigint[]) =>
        operation === IbvContext.PollCq || operation === IbvContext.ReqNotifyCq
          ? idle
          : verbs.bind(operation, args),
    };
    const capabilities = {
      ...attributes.capabilities,
      connectionManagement: "none here",
    };
    const port = {
      ...{ device, pd: 1n, channel: 2n, send, counted, taps },
      attributes: { ...attributes, capabilities, activeMtu: 2048 as IbMtu },
      ...{ reactor: new FakeReactor(), roce: undefined, sharedReceives: 0 },
    };
    this.qp = new VerbsUdQp(port as unknown as PortResources, [], {
      ...{ pkeyIndex: 0, recvQueueSize: RECEIVES },
    });
    verbs.posts.length = 0;
  }

  /** Posts and flushes a frame. */
  post(frame: Uint8Array): PostResult {
    const { memory } = this;
    const slot = memory.reserve();
    const base = slot * memory.stride;
    memory.bytes.set(frame, base + memory.layout.vnet);
    memory.view.setInt32(base + memory.layout.encap, ENCAP);
    const handle = new VerbsAddressHandle(PATH, 5n, () => {});
    const length = frame.length - FRAME_HEADER_LENGTH;
    const result = this.qp.post(slot, length, handle, 0x48, 0xb1b);
    this.qp.flush();
    return result;
  }

  /** The posted packets, without the IPoIB header. */
  get packets(): Uint8Array[] {
    return this.verbs.posts.flat().map(({ message }) => message.slice(4));
  }

  [Symbol.dispose](): void {
    this.qp.close();
    assertEquals(freeSlots(this.memory), SEND_SLOTS);
    this.memory.close();
  }
}

Deno.test("a UD queue pair has a send queue for all requests of the port, with two elements each", () => {
  using rig = new Rig();
  const field = (at: number) => rig.created.getUint32(at, true);
  assertEquals(field(IbvQpInitAttr.MaxSendWr), SEND_REQUESTS);
  assertEquals(field(IbvQpInitAttr.MaxSendSge), 2);
  assertEquals(rig.entries, [SEND_REQUESTS + 1, RECEIVES + 1]);
});

Deno.test("a large send is posted as segments that fit the MTU, and tapped as they are sent", () => {
  using rig = new Rig();
  const packets: Seen[] = [];
  rig.taps.add((packet) => packets.push(seen(packet)));
  const fields = large({ size: 1992 });
  assertEquals(rig.post(frameOf(fields)), PostResult.Sent);
  checkSegments(fields, rig.packets);
  assertEquals(packets.map(({ payload }) => payload), rig.packets);
  for (const each of packets) {
    assertEquals([each.status, each.encap], [PostResult.Sent, ENCAP]);
    assertEquals([each.dlid, each.destQpn, each.vnet], [9, 0x48, undefined]);
    const bytes = 8 + 12 + 8 + 4 + each.payload.length + 4;
    assertEquals(each.words, (bytes + each.pad) / 4);
  }
});

Deno.test("a large send whose segments are longer than the MTU is refused, and tapped as it is", () => {
  using rig = new Rig();
  const packets: Seen[] = [];
  rig.taps.add((packet) => packets.push(seen(packet)));
  assertEquals(rig.post(frameOf(large({ size: 1993 }))), PostResult.TooLong);
  assertEquals(rig.counted.get("xmit_too_long"), 1);
  assertEquals(rig.verbs.posts, []);
  assertEquals(packets.map(({ payload }) => payload.length), [2552]);
});

Deno.test("an invalid large send is refused, and its slot freed", () => {
  using rig = new Rig();
  const frame = frameOf(large());
  frame[6] = 1;
  assertEquals(rig.post(frame), PostResult.Malformed);
  assertEquals(rig.counted.get("xmit_malformed"), 1);
  assertEquals(rig.verbs.posts, []);
});

Deno.test("a partial checksum is completed", () => {
  using rig = new Rig();
  const packets: Seen[] = [];
  rig.taps.add((packet) => packets.push(seen(packet)));
  const frame = frameOf(large({ payload: new Uint8Array(500).fill(7) }));
  frame[1] = 0;
  assertEquals(rig.post(frame), PostResult.Sent);
  const [packet] = rig.packets;
  assert(packet);
  assertEquals(parsed(packet).payload.length, 500);
  assertEquals(packets.map(({ payload }) => payload), [packet]);
  assertEquals(packets[0]!.vnet, [0, 0, ...frame.subarray(2, 6)]);
});
