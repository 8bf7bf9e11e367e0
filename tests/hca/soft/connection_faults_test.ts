/** Packet faults on connections: messages stay in order, each arrives once, or the connection fails. */

import { assert, assertEquals } from "@std/assert";
import { PostResult } from "../../../src/hca/post_result.ts";
import type { FaultRequest } from "../../../src/subnet/fault_book.ts";
import {
  connection,
  type ConnectionOptions,
  marked,
  marks,
  openInterfaces,
  range,
  send,
  sendAll,
} from "./connection.ts";
import { Subnet } from "./subnet.ts";

/** Two ports with a connection; the faults apply to both ports. */
function scene(
  faults: Omit<FaultRequest, "seed"> & { seed?: number },
  options: ConnectionOptions = {},
) {
  const subnet = new Subnet();
  const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
  const { manager } = subnet.host!;
  manager.faults.set({ seed: 1, ...faults });
  subnet.until(() => manager.faults.unconfirmed().length === 0);
  const [x, y] = connection(a!, b!, options);
  return { subnet, manager, x, y };
}

Deno.test("the HCA repeats what faults drop and reorder, and messages arrive in order, each once", () => {
  const { subnet, x, y } = scene({
    drop: 10,
    duplicate: 10,
    reorder: 10,
    delay: 2,
    jitter: 1,
  }, { retryCount: 7, ackTimeout: 8 });
  using _ = subnet;
  sendAll(subnet, x, 1, 400);
  subnet.until(() => y.taken.length === 400, "400 messages");
  subnet.settle();
  assertEquals(marks(y.taken), range(1, 400));
  assertEquals([x.failures, y.failures], [[], []]);
  const counters = x.port.counters();
  for (
    const name of [
      "fault_drop",
      "fault_duplicate",
      "fault_reorder",
      "fault_delay",
      "rc_retransmitted",
    ]
  ) assert(counters[name]! > 10, `${name} is ${counters[name]}`);
  const { rc_duplicates, rc_out_of_sequence } = y.port.counters();
  assertEquals([rc_duplicates, rc_out_of_sequence], [0, 0]);
});

Deno.test("without retries, the first lost message fails the connection", () => {
  for (const faults of [{ drop: 10 }, { reorder: 10 }]) {
    const { subnet, x, y } = scene(faults);
    using _ = subnet;
    let sent = 0;
    subnet.until(() => {
      if (send(x, marked(sent + 1)) === PostResult.Sent) sent++;
      return x.failures.length > 0;
    }, "the failure");
    assertEquals(x.failures, ["retry_exceeded"]);
    subnet.settle();
    assert(sent > 0);
    // The last message was lost; those before it have arrived.
    assertEquals(marks(y.taken), range(1, sent - 1));
    assertEquals(y.failures, []);
    assertEquals(send(x, marked(1)), PostResult.NotReady);
  }
});

Deno.test("messages keep their order when faults end while some are delayed", () => {
  const { subnet, manager, x, y } = scene({ delay: 60_000 });
  using _ = subnet;
  sendAll(subnet, x, 1, 20);
  subnet.settle();
  assertEquals(y.taken, []);
  manager.faults.clear();
  subnet.until(() => manager.faults.unconfirmed().length === 0);
  sendAll(subnet, x, 21, 40);
  subnet.until(() => y.taken.length === 40, "all messages");
  assertEquals(marks(y.taken), range(1, 40));
});

Deno.test("a delay without space for further messages withholds credit, and closing drops the stored ones", () => {
  const { subnet, manager, x, y } = scene({ delay: 60_000 });
  using _ = subnet;
  let sent = 0;
  while (send(x, marked(++sent)) === PostResult.Sent);
  // A receiver's messages may take half of the store, which is three quarters of the memory.
  assertEquals(sent, 1 + x.memory.slots * 3 / 8);
  assertEquals(x.port.counters().xmit_no_credit, 1);
  x.qp.close();
  manager.faults.clear();
  subnet.until(() => x.memory.free === x.memory.slots, "the slots");
  subnet.settle();
  assertEquals(y.taken, []);
  assertEquals(x.port.counters().xmit_not_ready, sent - 1);
});

Deno.test("a rate applies to long messages of a connection", () => {
  const { subnet, x, y } = scene({ rate: 100 });
  using _ = subnet;
  const begun = performance.now();
  // The clock of the reactor is that of its last turn.
  subnet.reactor.turn(0);
  sendAll(subnet, x, 1, 20, 65_520);
  subnet.until(() => y.taken.length === 20, "the messages");
  // 20 messages of 65,524 bytes take 5.2 ms each; the first is sent at once.
  assert(performance.now() - begun > 19 * 5);
  assertEquals(marks(y.taken), range(1, 20));
});
