/** Messages on connections of the first InfiniBand port of this host; skipped if there is none. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import { SEND_SLOTS } from "../../../src/hca/verbs/send_memory.ts";
import { ConnectionRig } from "./connection_rig.ts";
import { deviceTests } from "./device_rig.ts";
import { freeSlots } from "./free_slots.ts";

/** Program of the other process. */
const PEER = new URL("connection_peer.ts", import.meta.url).pathname;

/** Maximum number of messages of one connection that have not completed. */
const SENDS = 128;

const deviceTest = deviceTests(ConnectionRig);

/** Waits until all slots are free and all sends are accounted for. */
function allReturned(rig: ConnectionRig): void {
  rig.until("all slots free", () => freeSlots(rig.port.send) === SEND_SLOTS);
  assertEquals(rig.counter("outstanding"), 0);
  assertEquals(
    rig.counter("posted"),
    rig.counter("completed") + rig.counter("abandoned"),
  );
}

deviceTest(
  "messages of up to 65520 bytes are received in both directions",
  (rig) => {
    const [a, b] = rig.connect();
    const lengths = [1, 1000, 30_000, 65_520];
    for (const [i, length] of lengths.entries()) {
      rig.sent(a, length, i);
      rig.sent(b, length, i);
    }
    const expected = lengths.map((length, i) => [length, i]);
    rig.until(
      "received",
      () =>
        rig.a.received.length + rig.b.received.length === 2 * lengths.length,
    );
    assertEquals(rig.a.received, expected);
    assertEquals(rig.b.received, expected);
    assertEquals([a.received, b.received], [lengths.length, lengths.length]);
    assertEquals(rig.send(a, 65_521), PostResult.TooLong);
    allReturned(rig);
  },
);

deviceTest(
  "1000 messages on three connections that share the buffers all arrive",
  (rig) => {
    const ends = [rig.connect(), rig.connect(), rig.connect()];
    let sent = 0;
    while (sent < 1000) {
      for (let i = 0; i < 20; i++, sent++) {
        rig.sent(ends[sent % 3]![0], 100, sent & 0xff);
      }
      rig.until("received", () => rig.b.received.length === sent);
    }
    for (let k = 0; k < 3; k++) {
      assert(Math.abs(ends[k]![1].received - sent / 3) < 1);
    }
    const counts = new Int32Array(256);
    for (const [, first] of rig.b.received) counts[first]!++;
    for (let i = 0; i < sent; i++) counts[i & 0xff]!--;
    assert(counts.every((count) => count === 0));
    allReturned(rig);
  },
);

deviceTest(
  "a message beyond a full send queue waits, and the network device is not read meanwhile",
  (rig) => {
    const [a] = rig.connect();
    for (let i = 0; i < SENDS + 1; i++) rig.sent(a, 10);
    assertEquals(rig.port.send.reserve(), -1);
    rig.until("received", () => rig.b.received.length === SENDS + 1);
    assertEquals(rig.counter("xmit_no_credit"), 0);
    allReturned(rig);
    rig.sent(a, 10);
    allReturned(rig);
  },
);

deviceTest(
  "a message to a queue pair that does not exist fails, and its slot is free",
  (rig) => {
    const a = rig.a.connection();
    a.onFailure = (failure) => rig.failures.push(failure);
    a.connect({ ...rig.to(0x7ffff), ackTimeout: 12 });
    for (let i = 0; i < 5; i++) rig.sent(a, 5000);
    rig.until("failed", () => rig.failures.length > 0);
    assertEquals(rig.failures, ["retry_exceeded"]);
    allReturned(rig);
    assertEquals(rig.send(a, 10), PostResult.NotReady);
    a.close();
    assertEquals(rig.failures.length, 1);
  },
);

deviceTest(
  "a receiver without buffers fails a connection that does not retry",
  (rig) => {
    const [a] = rig.connect({ rnrRetryCount: 0 });
    rig.b.holding = true;
    for (let i = 0; i < 140 && rig.failures.length === 0; i++) {
      if (rig.send(a, 10) !== PostResult.Sent) break;
      rig.reactor.turn(0);
    }
    rig.until("failed", () => rig.failures.length > 0);
    assertEquals(rig.failures[0], "rnr_retry_exceeded");
    rig.b.holding = false;
    a.close();
    allReturned(rig);
  },
);

deviceTest(
  "queue pairs that close and connect again lose no slot and no buffer",
  (rig) => {
    for (let round = 0; round < 20; round++) {
      const [a, b] = rig.connect({ ackTimeout: 12 });
      for (let i = 0; i < 30; i++) rig.send(a, 9000);
      // The connection may be closed in the middle of a message.
      for (let i = 0; i < round % 4; i++) rig.reactor.turn(0);
      (round % 2 ? a : b).close();
      (round % 2 ? b : a).close();
      rig.reactor.turn(0);
    }
    allReturned(rig);
    rig.b.received.length = 0;
    const [a] = rig.connect();
    for (let sent = 0; sent < 400; sent += 20) {
      for (let i = 0; i < 20; i++) rig.sent(a, 10);
      rig.until("received", () => rig.b.received.length === sent + 20);
    }
    allReturned(rig);
    // 64 buffers of each UD queue pair, and 128 of each shared queue.
    rig.until(
      "posted",
      () => rig.counter("rcv_outstanding") === 2 * (64 + 128),
    );
  },
);

deviceTest("a connection is refused twice, and after it was closed", (rig) => {
  const [a] = rig.connect();
  const again = () => a.connect(rig.to(1));
  for (const state of ["connected", "closed"]) {
    const { code, message } = assertThrows(again, IpoibError);
    assertEquals(code, "E_QP_STATE");
    assert(message.endsWith(`it is ${state}`), message);
    a.close();
  }
  assertEquals(rig.send(a, 10), PostResult.NotReady);
  const unconnected = rig.a.connection();
  assertEquals(rig.send(unconnected, 10), PostResult.NotReady);
  unconnected.close();
  allReturned(rig);
});

deviceTest(
  "two processes exchange messages, and the death of one fails the connection of the other",
  async (rig) => {
    const peer = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--cached-only", "--allow-all", PEER],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = peer.stdout.getReader();
    const { value } = await reader.read();
    const destQpn = Number(new TextDecoder().decode(value));
    const qp = rig.a.connection();
    qp.onFailure = (failure) => rig.failures.push(failure);
    qp.connect({ ...rig.to(destQpn), ackTimeout: 12 });
    const writer = peer.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${qp.qpn}\n`));
    await reader.read();
    const sent: [number, number][] = [];
    for (let i = 0; i < 40; i++) {
      sent.push([1 + i * 1600, i]);
      rig.sent(qp, ...sent.at(-1)!);
      if (i % 8 < 7) continue;
      rig.until("echoed", () => rig.a.received.length === sent.length);
    }
    assertEquals(rig.a.received, sent);
    peer.kill("SIGKILL");
    await peer.status;
    rig.sent(qp, 5000);
    rig.until("failed", () => rig.failures.length > 0);
    assertEquals(rig.failures, ["retry_exceeded"]);
    qp.close();
    allReturned(rig);
    await Promise.allSettled([writer.close(), reader.cancel()]);
  },
);
