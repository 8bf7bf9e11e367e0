import { assert, assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { createEventFd, drain, ring } from "../../src/system/event_fd.ts";
import type { Fd } from "../../src/system/fd.ts";

const F_GETFD = 1;

function isOpen(fd: number): boolean {
  return libc().fcntl(fd, F_GETFD, 0n) >= 0;
}

/** Returns true if the descriptor is readable. */
function readable(fd: Fd): boolean {
  const set = new Uint8Array(8);
  const view = new DataView(set.buffer);
  view.setInt32(0, fd.number, true);
  view.setInt16(4, 1, true);
  return libc().ppoll(set, 1n, new Uint8Array(16), null) === 1;
}

Deno.test("Fd closes its descriptor once", () => {
  const fd = createEventFd();
  const number = fd.number;
  assert(isOpen(number));
  fd.close();
  assertEquals(fd.number, -1);
  assert(!isOpen(number));
  // The number may have been reused, so a second close() must not close it.
  using other = createEventFd();
  fd.close();
  assert(isOpen(other.number));
});

Deno.test("Fd.release() transfers ownership of the descriptor", () => {
  const fd = createEventFd();
  const number = fd.release();
  fd.close();
  assert(isOpen(number));
  libc().close(number);
});

Deno.test("Fd is closed at the end of its block", () => {
  let number: number;
  {
    using fd = createEventFd();
    number = fd.number;
    assert(isOpen(number));
  }
  assert(!isOpen(number));
});

Deno.test("ring() makes an eventfd readable, and drain() resets it", () => {
  using fd = createEventFd();
  assert(!readable(fd));
  // drain() of an eventfd with count 0 must not block.
  drain(fd.number);
  ring(fd.number);
  ring(fd.number);
  assert(readable(fd));
  drain(fd.number);
  assert(!readable(fd));
});
