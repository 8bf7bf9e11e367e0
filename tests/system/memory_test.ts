import { assertEquals, assertThrows } from "@std/assert";
import { cString, libc } from "../../ffi/libc.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { createEventFd } from "../../src/system/event_fd.ts";
import { Fd } from "../../src/system/fd.ts";
import {
  createMemory,
  Mapping,
  sealedSize,
  statFd,
} from "../../src/system/memory.ts";

Deno.test("two mappings of a memfd share its bytes", () => {
  using fd = createMemory("test", 8192);
  using writer = new Mapping(fd.number, 8192, "write");
  using reader = new Mapping(fd.number, 8192, "read");
  assertEquals(writer.bytes.length, 8192);
  writer.bytes.set([1, 2, 3], 4096);
  assertEquals([...reader.bytes.subarray(4096, 4099)], [1, 2, 3]);
  const counter = new Int32Array(writer.buffer, 0, 1);
  Atomics.add(counter, 0, 5);
  assertEquals(Atomics.load(new Int32Array(reader.buffer, 0, 1), 0), 5);
});

Deno.test("createMemory() creates memory whose size cannot change", () => {
  using fd = createMemory("test", 4096);
  assertEquals(sealedSize(fd.number), 4096);
  assertEquals(statFd(fd.number).size, 4096);
  assertEquals(libc().ftruncate(fd.number, 0n), -1);
  assertEquals(libc().ftruncate(fd.number, 8192n), -1);
});

Deno.test("sealedSize() throws for memory that can shrink", () => {
  const unsealed = new Fd(libc().memfd_create(cString("test"), 1 | 2));
  libc().ftruncate(unsealed.number, 4096n);
  using eventFd = createEventFd();
  for (const fd of [unsealed.number, eventFd.number, -1]) {
    const error = assertThrows(() => sealedSize(fd), IpoibError);
    assertEquals(error.code, "E_PEER_MEMORY");
  }
  unsealed.close();
});

Deno.test("Mapping throws for a bad descriptor", () => {
  const error = assertThrows(() => new Mapping(-1, 4096, "read"), IpoibError);
  assertEquals(error.code, "E_MMAP");
});

Deno.test("Mapping.unmap() may be called twice", () => {
  using fd = createMemory("test", 4096);
  const mapping = new Mapping(fd.number, 4096, "write");
  mapping.unmap();
  mapping.unmap();
  using again = new Mapping(fd.number, 4096, "read");
  assertEquals(again.bytes[0], 0);
});
