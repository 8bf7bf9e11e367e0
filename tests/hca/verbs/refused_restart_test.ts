/** A UD queue pair on a fake device that refuses to restart it after an error. */

import { assertEquals, assertThrows } from "@std/assert";
import { Ibv } from "../../../ffi/verbs_layout.ts";
import { Errno } from "../../../src/base/errno.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import type { VerbsAddressHandle } from "../../../src/hca/verbs/address_handle.ts";
import { UdQpRig } from "./ud_qp_rig.ts";

const HANDLE = { low: 1, high: 0, alive: true, attributes: {} };

class Rig extends UdQpRig {
  readonly failures: IpoibError[] = [];

  constructor() {
    super(false);
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
  assertEquals([rig.qp.recover(), rig.qps.all.size], [false, 0]);
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
