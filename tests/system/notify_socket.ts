/** The socket of a service manager (sd_notify(3)). */

import { assertEquals } from "@std/assert";
import { cString, libc } from "../../ffi/libc.ts";
import { Fd } from "../../src/system/fd.ts";

/** Binds a datagram socket to a path, or to an abstract name that starts with "@". */
export function manager(path: string): Fd {
  const fd = new Fd(libc().socket(1, 2 | 0x80000, 0));
  const abstract = path.startsWith("@");
  const name = abstract
    ? new TextEncoder().encode(`\0${path.slice(1)}`)
    : cString(path);
  const address = new Uint8Array(2 + name.length);
  address[0] = 1;
  address.set(name, 2);
  assertEquals(libc().bind(fd.number, address, address.length), 0);
  return fd;
}

/** Returns the next message; undefined if there is none. */
export function received(fd: Fd): string | undefined {
  const bytes = new Uint8Array(200);
  const length = libc().recv(fd.number, bytes, bytes.length, 0x40);
  return length < 0
    ? undefined
    : new TextDecoder().decode(bytes.subarray(0, length));
}
