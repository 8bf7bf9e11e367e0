/** Sender and receiver of a TCP stream, with blocking calls. */

import { libc } from "../../ffi/libc.ts";
import { lastError, unwrap } from "../../src/system/errno.ts";
import { Fd } from "../../src/system/fd.ts";
import type { Progress } from "./jobs.ts";
import {
  limit,
  openSocket,
  reuse,
  SOCK_STREAM,
  socketAddress,
} from "./socket.ts";

const CHUNK = 256 * 1024;
const REPORT_MS = 1000;
/** A stream without progress for this time has failed. The start of the other end counts, on a slow machine too. */
const STALL_TIMEOUT_MS = 60_000;
const SOCK_CLOEXEC = 0x80000;
const MSG_NOSIGNAL = 0x4000;

/**
 * Accepts a stream on address `at` and reads it to its end. Reports each interval of about a second. Returns the bytes
 * and the seconds since the stream was accepted.
 */
export function receive(
  namespace: number,
  at: number,
  port: number,
  report: (progress: Progress) => void,
): { bytes: number; seconds: number } {
  using listener = openSocket(namespace, SOCK_STREAM, 0, STALL_TIMEOUT_MS);
  reuse(listener.number);
  const address = socketAddress(at, port);
  unwrap(
    libc().bind(listener.number, address, address.length),
    "E_SOCKET",
    "bind a socket",
  );
  unwrap(libc().listen(listener.number, 1), "E_SOCKET", "listen");
  report({ kind: "listening" });
  using stream = new Fd(unwrap(
    libc().accept4(listener.number, null, null, SOCK_CLOEXEC),
    "E_SOCKET",
    "accept a TCP connection",
  ));
  limit(stream.number, STALL_TIMEOUT_MS);
  const buffer = new Uint8Array(CHUNK);
  const start = performance.now();
  let bytes = 0;
  let reported = 0;
  let since = start;
  const reportInterval = (now: number) => {
    const seconds = (now - since) / 1000;
    report({ kind: "interval", bytes: bytes - reported, seconds });
    reported = bytes;
    since = now;
  };
  for (;;) {
    const length = unwrap(
      libc().recv(stream.number, buffer, CHUNK, 0),
      "E_SOCKET",
      "receive from a TCP connection",
    );
    if (length === 0) break;
    bytes += length;
    const now = performance.now();
    if (now - since >= REPORT_MS) reportInterval(now);
  }
  const end = performance.now();
  // The sender ends the stream, perhaps just before the last second is complete.
  if (end - since > REPORT_MS / 2) reportInterval(end);
  return { bytes, seconds: (end - start) / 1000 };
}

/** Connects to address `to` and sends for `seconds`. */
export function send(
  namespace: number,
  to: number,
  port: number,
  seconds: number,
): void {
  using stream = openSocket(namespace, SOCK_STREAM, 0, STALL_TIMEOUT_MS);
  const address = socketAddress(to, port);
  unwrap(
    libc().connect(stream.number, address, address.length),
    "E_SOCKET",
    "connect over TCP",
  );
  const data = new Uint8Array(CHUNK);
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const sent = libc().send(stream.number, data, CHUNK, MSG_NOSIGNAL);
    if (sent < 0) throw lastError("E_SOCKET", "send over a TCP connection");
  }
}
