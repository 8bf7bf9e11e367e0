/** A handle of the device is destroyed when the requests that may use it have completed. */

import { assertEquals } from "@std/assert";
import { AddressHandles } from "../../../src/hca/verbs/address_handle.ts";
import { PostedSends } from "../../../src/hca/verbs/posted_sends.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";
import { SendQueueRig } from "./send_queue_rig.ts";

const PATH = { dlid: 9, sl: 0, staticRate: 0 };
/** Longer than the interval at which the requests are checked. */
const WAIT_MS = 50;

/** The handles of a port with one send queue, on a fake device. */
class Rig extends SendQueueRig {
  readonly reactor = new FakeReactor();
  /** Calls of the device, in order. */
  readonly calls: string[] = [];
  readonly handles: AddressHandles;

  constructor() {
    super();
    let next = 1n;
    const device = {
      library: {
        ibv_create_ah: () => {
          this.calls.push(`create ${next}`);
          return next++;
        },
        ibv_destroy_ah: (handle: bigint) => {
          this.calls.push(`destroy ${handle}`);
          return 0;
        },
      },
    };
    this.handles = new AddressHandles(this.reactor, device, 0n, 1, () => {
      this.queue.flush();
      return new PostedSends([this.queue]);
    });
  }

  wait(): void {
    this.reactor.advance(WAIT_MS);
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.handles.close();
    assertEquals(this.reactor.armed, 0);
  }
}

Deno.test("a handle is destroyed at once if no request is in the device", () => {
  using rig = new Rig();
  rig.handles.create(PATH).destroy();
  assertEquals(rig.calls, ["create 1", "destroy 1"]);
});

Deno.test("a handle is destroyed when the requests before have completed, which are posted first", () => {
  using rig = new Rig();
  const handle = rig.handles.create(PATH);
  rig.append(3);
  handle.destroy();
  assertEquals([rig.posted.length, rig.calls.length], [3, 1]);
  rig.wait();
  assertEquals(rig.calls.length, 1);
  rig.complete(2);
  rig.wait();
  assertEquals(rig.calls, ["create 1", "destroy 1"]);
});

Deno.test("a handle is destroyed although there are always requests in the device", () => {
  using rig = new Rig();
  const handle = rig.handles.create(PATH);
  rig.append(3);
  handle.destroy();
  rig.wait();
  assertEquals(rig.calls, ["create 1"]);
  let ahead = 2;
  for (let i = 0; rig.calls.length === 1; i++) {
    rig.append(1);
    rig.queue.flush();
    // The requests of the handle are 0 to 2.
    assertEquals(i < 4, true);
    rig.complete(ahead++);
    rig.wait();
  }
  assertEquals(rig.queue.outstanding > 0, true);
  assertEquals(rig.calls, ["create 1", "destroy 1"]);
});

Deno.test("a handle that is created again before its end is not destroyed", () => {
  using rig = new Rig();
  const handle = rig.handles.create(PATH);
  rig.append(1);
  handle.destroy();
  const again = rig.handles.create(PATH);
  rig.complete(0);
  rig.wait();
  assertEquals(rig.calls, ["create 1"]);
  again.destroy();
  assertEquals(rig.calls, ["create 1", "destroy 1"]);
});

Deno.test("close() destroys all handles, those that wait too", () => {
  const rig = new Rig();
  rig.handles.create(PATH);
  const waiting = rig.handles.create({ ...PATH, dlid: 10 });
  rig.append(1);
  waiting.destroy();
  rig[Symbol.dispose]();
  assertEquals(rig.calls.slice(2).sort(), ["destroy 1", "destroy 2"]);
});
