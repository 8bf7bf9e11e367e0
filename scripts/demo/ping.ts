/** Pings an address over a raw ICMP socket (RFC 792). */

import { libc } from "../../ffi/libc.ts";
import { unwrap } from "../../src/system/errno.ts";
import { emitIcmpEcho, parseIcmpEcho } from "../packets/icmp_echo.ts";
import type { RoundTrips } from "./jobs.ts";
import { IPPROTO_ICMP, openSocket, SOCK_RAW, socketAddress } from "./socket.ts";

/** Bytes of an echo's payload, as in ping(8). */
const PAYLOAD = 56;
/** A later answer counts as lost. It exceeds the usual time by far, because the machine may be slow. */
const REPLY_TIMEOUT_MS = 10_000;

/** Sends `count` echo requests. Waits for the answer of each, and `intervalMs` before the next. */
export function ping(
  namespace: number,
  to: number,
  count: number,
  intervalMs: number,
): RoundTrips {
  using socket = openSocket(
    namespace,
    SOCK_RAW,
    IPPROTO_ICMP,
    REPLY_TIMEOUT_MS,
  );
  const peer = socketAddress(to);
  unwrap(
    libc().connect(socket.number, peer, peer.length),
    "E_SOCKET",
    "address a raw socket",
  );
  const request = new Uint8Array(8 + PAYLOAD);
  const view = new DataView(request.buffer);
  const payload = new Uint8Array(PAYLOAD);
  const id = Deno.pid & 0xffff;
  const times: number[] = [];
  for (let sequence = 1; sequence <= count; sequence++) {
    if (sequence > 1) sleep(intervalMs);
    emitIcmpEcho({ reply: false, id, sequence, payload }, view, 0);
    const start = performance.now();
    unwrap(
      libc().send(socket.number, request, request.length, 0),
      "E_SOCKET",
      "send an echo request",
    );
    const time = awaitReply(socket.number, id, sequence, start);
    if (time !== undefined) times.push(time);
  }
  return roundTrips(count, times);
}

/** Returns minimum, mean and maximum of the times in milliseconds; NaN without times. */
export function roundTrips(sent: number, times: readonly number[]): RoundTrips {
  const none = times.length === 0;
  return {
    sent,
    received: times.length,
    min: none ? NaN : Math.min(...times),
    avg: times.reduce((sum, time) => sum + time, 0) / times.length,
    max: none ? NaN : Math.max(...times),
  };
}

const answer = new Uint8Array(2048);
const answerView = new DataView(answer.buffer);

/** Waits for the reply. Returns its time after `start` in milliseconds, or undefined if it does not arrive in time. */
function awaitReply(
  fd: number,
  id: number,
  sequence: number,
  start: number,
): number | undefined {
  for (;;) {
    const length = libc().recv(fd, answer, answer.length, 0);
    const time = performance.now() - start;
    if (length < 0 || time > REPLY_TIMEOUT_MS) return undefined;
    // A raw socket also delivers the IPv4 header, whose length field counts words.
    const header = (answer[0]! & 15) * 4;
    const echo = parseIcmpEcho(answerView, header, length - header);
    if (echo?.reply && echo.id === id && echo.sequence === sequence) {
      return time;
    }
  }
}

const never = new Int32Array(new SharedArrayBuffer(4));

function sleep(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}
