/** A UD queue pair on a fake device that refuses to restart it after an error. */

import { assertEquals, assertThrows } from "@std/assert";
import { addressOf } from "../../../ffi/libc.ts";
import {
  Ibv,
  IbvContext,
  IbvQp,
  IbvQpAttr,
} from "../../../ffi/verbs_layout.ts";
import { Errno } from "../../../src/base/errno.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { FakeFabric } from "../../../src/hca/fake.ts";
import { PostResult } from "../../../src/hca/hca.ts";
import { Taps } from "../../../src/hca/taps.ts";
import type { VerbsAddressHandle } from "../../../src/hca/verbs/address_handle.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import type { VerbsDevice } from "../../../src/hca/verbs/device.ts";
import type { PortResources } from "../../../src/hca/verbs/port_resources.ts";
import { VerbsSendMemory } from "../../../src/hca/verbs/send_memory.ts";
import { VerbsUdQp } from "../../../src/hca/verbs/ud_qp.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";
import { FakeVerbs } from "./fake_verbs.ts";
import { freeSlots } from "./free_slots.ts";

const QPN = 0x48;
const HANDLE = { low: 1, high: 0, alive: true, attributes: {} };

class Rig implements Disposable {
  readonly verbs = new FakeVerbs();
  readonly memory = new VerbsSendMemory(this.verbs.library, 0n, false);
  /** State to which the device refuses to change the queue pair, and the errno. */
  refused: number | undefined;
  errno: number = Errno.EIO;
  readonly failures: IpoibError[] = [];
  readonly qp: VerbsUdQp;
  readonly qps: VerbsUdQp[] = [];
  readonly #object = new Uint8Array(IbvQp.QpNum + 4);

  constructor() {
    const { verbs, memory } = this;
    new DataView(this.#object.buffer).setUint32(IbvQp.QpNum, QPN, true);
    const library = {
      ...verbs.library,
      ibv_create_cq: () => 1n,
      ibv_destroy_cq: () => 0,
      ibv_create_qp: () => addressOf(this.#object),
      ibv_destroy_qp: () => 0,
      ibv_modify_qp: (_qp: bigint, attributes: Uint8Array) => {
        const view = new DataView(attributes.buffer);
        const state = view.getUint32(IbvQpAttr.State, true);
        return state === this.refused ? this.errno : 0;
      },
    } as unknown as VerbsDevice["library"];
    const idle = { set: () => {}, call: () => 0 };
    const device = {
      ...{ name: "fake", context: 0n, library },
      bind: (operation: number, args: readonly bigint[]) =>
        operation === IbvContext.PollCq || operation === IbvContext.ReqNotifyCq
          ? idle
          : verbs.bind(operation, args),
    };
    const port = {
      ...{ reactor: new FakeReactor(), device, pd: 0n, channel: 0n },
      ...{ send: memory, counted: new VerbsCounters(), taps: new Taps() },
      ...{ roce: undefined, sharedReceives: 0 },
      attributes: new FakeFabric().addPort().attributes,
    } as unknown as PortResources;
    this.qp = new VerbsUdQp(port, this.qps, {
      pkeyIndex: 0,
      recvQueueSize: 4,
    });
    this.qp.onFailure = (error) => this.failures.push(error);
  }

  /** Posts a packet. */
  send(): void {
    const handle = HANDLE as unknown as VerbsAddressHandle;
    const slot = this.memory.reserve();
    assertEquals(this.qp.post(slot, 64, handle, 1, 2), PostResult.Sent);
    this.qp.flush();
  }

  /** Breaks the queue pair: the device rejects a post. */
  fail(): void {
    this.verbs.accepts = 0;
    this.send();
    this.verbs.accepts = Infinity;
  }

  [Symbol.dispose](): void {
    this.qp.close();
    assertEquals(freeSlots(this.memory), this.memory.vnetAddress.length);
    this.memory.close();
  }
}

Deno.test("a queue pair that the device restarts after an error goes on", () => {
  using rig = new Rig();
  rig.fail();
  assertEquals(rig.qp.busy, true);
  assertEquals([rig.qp.recover(), rig.qp.recover()], [true, false]);
  assertEquals([rig.qp.busy, rig.failures], [false, []]);
  rig.send();
  assertEquals(rig.qp.outstanding, 1);
});

for (
  const [name, state] of Object.entries({
    RESET: Ibv.QPS_RESET,
    INIT: Ibv.QPS_INIT,
    RTR: Ibv.QPS_RTR,
    RTS: Ibv.QPS_RTS,
  })
) {
  Deno.test(`a queue pair whose change to ${name} the device refuses reports its failure once, and the loop may sleep`, () => {
    using rig = new Rig();
    rig.send();
    rig.refused = state;
    rig.fail();
    assertEquals(rig.qp.recover(), false);
    assertEquals(rig.qp.busy, false);
    assertEquals(rig.qp.recover(), false);
    assertEquals(
      rig.failures.map(({ code, errno }) => [code, errno]),
      [["E_VERBS", Errno.EIO]],
    );
  });
}

Deno.test("the failure may be answered by closing the queue pair", () => {
  using rig = new Rig();
  rig.qp.onFailure = () => rig.qp.close();
  rig.refused = Ibv.QPS_RESET;
  rig.fail();
  assertEquals([rig.qp.recover(), rig.qps.length], [false, 0]);
});

Deno.test("a refused Q_Key has a hint if the process lacks the right to controlled ones", () => {
  using rig = new Rig();
  rig.refused = Ibv.QPS_RTS;
  const hints = [Errno.EPERM, Errno.EINVAL].map((errno) => {
    rig.errno = errno;
    return assertThrows(() => rig.qp.setQkey(0x80000b1b), IpoibError).hint;
  });
  assertEquals(hints, [
    "run with the capability CAP_NET_RAW: the Q_Key is a controlled one",
    undefined,
  ]);
});
