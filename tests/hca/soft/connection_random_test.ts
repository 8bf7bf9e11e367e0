/**
 * Random traffic on several connections, with receivers that pause, datagrams in between, changing faults and connections
 * that are replaced: every connection delivers its messages in order and none twice, and all slots come back.
 */

import { assert, assertEquals } from "@std/assert";
import { PostResult } from "../../../src/hca/post_result.ts";
import { random } from "../../wire/support.ts";
import {
  connection,
  type End,
  type Interface,
  marked,
  openInterface,
  send,
} from "./connection.ts";
import { post } from "./post.ts";
import { memoryOf, Subnet } from "./subnet.ts";

const ROUNDS = 1500;
const CONNECTIONS = 4;
/** Marks of one connection: its number times this, plus the number of the message. */
const SPAN = 1 << 20;

/** A connection, and the numbers of the messages that it has accepted and delivered last. */
interface Flow {
  readonly from: End;
  readonly to: End;
  readonly id: number;
  sent: number;
}

Deno.test("random traffic on connections arrives in order, and no slot is lost", () => {
  for (const seed of [1, 2, 3]) {
    using subnet = new Subnet();
    const { failures, delivered } = run(subnet, seed);
    assertEquals(failures, []);
    assert(delivered > ROUNDS / 2, `${delivered} messages were delivered`);
  }
});

function run(subnet: Subnet, seed: number) {
  const next = random(seed);
  const [p, q] = subnet.openAll(0x11n, 0x12n);
  const a = openInterface(subnet, p!);
  const memory = memoryOf(q!);
  // A short queue, so that messages find no buffer.
  const qp = q!.createUdQp({ memory, pkeyIndex: 0, recvQueueSize: 8 });
  qp.setQkey(1);
  const b: Interface = { port: q!, memory, qp, taken: [] };
  const last = new Map<number, number>();
  let delivered = 0;
  const batch = qp.createBatch();
  const poll = () => {
    while (qp.poll(batch) > 0) {
      for (let i = 0; i < batch.count; i++) {
        const mark = batch.view[i]!.getUint32(batch.payload[i]!);
        const id = Math.floor(mark / SPAN);
        const number = mark % SPAN;
        if (id === 0) continue;
        delivered++;
        assert(number > (last.get(id) ?? 0), `${id}: ${number} is in order`);
        last.set(id, number);
      }
      qp.release(batch);
    }
  };
  let paused = false;
  qp.onReceive = () => {
    if (!paused) poll();
  };
  let id = 1;
  const open = (): Flow => {
    const [from, to] = connection(a, b, {
      retryCount: 7,
      rnrRetryCount: 7,
      ackTimeout: 6,
    });
    return { from, to, id: id++, sent: 0 };
  };
  const flows = Array.from({ length: CONNECTIONS }, open);
  const failures: string[] = [];
  const { manager } = subnet.host!;
  for (let round = 0; round < ROUNDS; round++) {
    const at = next(CONNECTIONS);
    const flow = flows[at]!;
    for (let n = next(12); n > 0; n--) {
      const mark = flow.id * SPAN + flow.sent + 1;
      const length = next(4) ? 64 : 9000;
      if (send(flow.from, marked(mark, length)) === PostResult.Sent) {
        flow.sent++;
      }
    }
    if (next(3) === 0) {
      post(a, { dlid: q!.attributes.lid, qpn: qp.qpn }, marked(1));
    }
    if (next(10) === 0) {
      paused = !paused;
      if (!paused) poll();
    }
    if (next(100) === 0) manager.faults.set(faults(next));
    if (next(100) === 0) manager.faults.clear();
    if (next(60) === 0) {
      failures.push(...flow.from.failures, ...flow.to.failures);
      flow.from.qp.close();
      if (next(2)) subnet.settle(2);
      flow.to.qp.close();
      flows[at] = open();
    }
    subnet.reactor.turn(next(3) / 2);
  }
  manager.faults.clear();
  paused = false;
  poll();
  // The last message of each connection arrives, unless it was dropped because the receiver had paused for too long.
  subnet.until(() =>
    flows.every((flow) => {
      const mark = flow.id * SPAN + ++flow.sent;
      send(flow.from, marked(mark));
      subnet.settle(1);
      return (last.get(flow.id) ?? 0) > 0;
    }), "a message of each connection");
  for (const { from, to } of flows) {
    failures.push(...from.failures, ...to.failures);
    from.qp.close();
    to.qp.close();
  }
  subnet.until(() => {
    poll();
    a.memory.collect();
    return a.memory.free === a.memory.slots;
  }, "all slots");
  return { failures, delivered };
}

/** Returns random faults that eight attempts survive. */
function faults(next: (limit: number) => number) {
  return {
    seed: next(1000),
    drop: next(10),
    duplicate: next(20),
    reorder: next(5),
    delay: next(4),
    jitter: next(3),
  };
}
