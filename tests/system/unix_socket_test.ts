import { socketPair } from "../../src/system/socket_pair.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { createEventFd, ring } from "../../src/system/event_fd.ts";
import type { Fd } from "../../src/system/fd.ts";
import { createMemory, Mapping, statFd } from "../../src/system/memory.ts";
import {
  accept,
  connect,
  listen,
  MAX_FDS,
  MAX_MESSAGE,
  receive,
  send,
  unixAddress,
} from "../../src/system/unix_socket.ts";
import { openDescriptors } from "./failing_call.ts";

/** Two connected sockets in a temporary directory. */
class Pair implements Disposable {
  readonly directory = Deno.makeTempDirSync();
  readonly path = `${this.directory}/s`;
  readonly listener = listen(this.path);
  readonly left: Fd = connect(this.path)!;
  readonly right: Fd = accept(this.listener.number)!;

  [Symbol.dispose](): void {
    for (const fd of [this.left, this.right, this.listener]) fd.close();
    Deno.removeSync(this.directory, { recursive: true });
  }
}

Deno.test("messages keep their boundaries in both directions", () => {
  using pair = new Pair();
  assertEquals(receive(pair.right.number), { type: "empty" });
  assert(send(pair.left.number, new Uint8Array([1, 2, 3])));
  assert(send(pair.left.number, new Uint8Array([4])));
  const first = receive(pair.right.number);
  const second = receive(pair.right.number);
  assert(first.type === "message" && second.type === "message");
  // Checked after the second receive(): the bytes are a copy.
  assertEquals([...first.bytes], [1, 2, 3]);
  assertEquals([...second.bytes], [4]);
  assert(send(pair.right.number, new Uint8Array([5])));
  assertEquals(receive(pair.left.number).type, "message");
});

Deno.test("a message of the maximum length is received completely", () => {
  using pair = new Pair();
  const bytes = new Uint8Array(MAX_MESSAGE).map((_, i) => i % 251);
  assert(send(pair.left.number, bytes));
  const message = receive(pair.right.number);
  assert(message.type === "message");
  assertEquals(message.bytes, bytes);
});

Deno.test("receive() returns closed for a message that exceeds the limits", () => {
  using pair = new Pair();
  using bell = createEventFd();
  const before = openDescriptors();
  assert(
    send(pair.left.number, new Uint8Array(MAX_MESSAGE + 1), [bell.number]),
  );
  assertEquals(receive(pair.right.number).type, "closed");
  assertEquals(openDescriptors(), before, "its descriptors are closed");
});

Deno.test("a message passes descriptors", () => {
  using pair = new Pair();
  using memory = createMemory("test", 4096);
  using bell = createEventFd();
  assert(
    send(pair.left.number, new Uint8Array([7]), [memory.number, bell.number]),
  );
  const message = receive(pair.right.number);
  assert(message.type === "message");
  const [theirs, theirBell] = message.fds;
  assert(theirs && theirBell);
  assertEquals(message.fds.length, 2);
  assertEquals(statFd(theirs.number).inode, statFd(memory.number).inode);
  // FD_CLOEXEC
  assertEquals(libc().fcntl(theirs.number, 1, 0n) & 1, 1);
  using here = new Mapping(memory.number, 4096, "write");
  using there = new Mapping(theirs.number, 4096, "read");
  here.bytes[100] = 42;
  assertEquals(there.bytes[100], 42);
  ring(theirBell.number);
  const count = new Uint8Array(8);
  assertEquals(libc().read(bell.number, count, 8), 8);
  assertEquals(count[0], 1);
  theirs.close();
  theirBell.close();
});

Deno.test("a message passes the maximum number of descriptors and leaks none", () => {
  using pair = new Pair();
  using bell = createEventFd();
  const before = openDescriptors();
  const fds = Array.from({ length: MAX_FDS }, () => bell.number);
  assert(send(pair.left.number, new Uint8Array([1]), fds));
  const message = receive(pair.right.number);
  assert(message.type === "message");
  assertEquals(message.fds.length, MAX_FDS);
  assertEquals(openDescriptors(), before + MAX_FDS);
  for (const fd of message.fds) fd.close();
  assertEquals(openDescriptors(), before);
});

Deno.test("send() fails while the queue is full", () => {
  using pair = new Pair();
  let sent = 0;
  while (sent < 100000 && send(pair.left.number, new Uint8Array(1000))) sent++;
  assert(sent > 0 && sent < 100000);
  let received = 0;
  while (receive(pair.right.number).type === "message") received++;
  assertEquals(received, sent);
  assert(send(pair.left.number, new Uint8Array(1)));
});

Deno.test("receive() returns closed after the last message of a closed peer", () => {
  using pair = new Pair();
  assert(send(pair.left.number, new Uint8Array([1])));
  pair.left.close();
  assertEquals(receive(pair.right.number).type, "message");
  assertEquals(receive(pair.right.number), { type: "closed" });
  assertEquals(send(pair.right.number, new Uint8Array([1])), false);
});

Deno.test("receive() returns the messages of a peer that has closed without reading all of its own", () => {
  const [a, b] = socketPair();
  using _b = b;
  send(b.number, new Uint8Array([1]));
  for (const byte of [2, 3]) send(a.number, new Uint8Array([byte]));
  a.close();
  const types = Array.from({ length: 3 }, () => receive(b.number).type);
  assertEquals(types, ["message", "message", "closed"]);
});

Deno.test("connect() returns undefined if no process listens", () => {
  const directory = Deno.makeTempDirSync();
  try {
    assertEquals(connect(`${directory}/none`), undefined);
    const listener = listen(`${directory}/stale`);
    assertEquals(accept(listener.number), undefined);
    listener.close();
    assertEquals(connect(`${directory}/stale`), undefined);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("listen() throws EADDRINUSE with the path if it exists", () => {
  using pair = new Pair();
  const error = assertThrows(
    () => listen(pair.path),
    IpoibError,
    pair.path,
  );
  assertEquals([error.code, error.errno], ["E_SOCKET", 98]);
  const before = openDescriptors();
  assertThrows(() => listen(pair.path), IpoibError);
  assertEquals(openDescriptors(), before);
});

Deno.test("listen() accepts a path of 107 bytes and refuses one of 108 with its name", () => {
  const directory = Deno.makeTempDirSync();
  const pathOf = (length: number) =>
    `${directory}/${"a".repeat(length - directory.length - 9)}/sm.sock`;
  try {
    for (const length of [107, 108]) {
      Deno.mkdirSync(pathOf(length).slice(0, -8), { recursive: true });
    }
    listen(pathOf(107)).close();
    const error = assertThrows(() => listen(pathOf(108)), IpoibError);
    assertEquals(error.code, "E_SOCKET_PATH");
    assert(error.message.includes(pathOf(108)));
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("unixAddress() accepts 107 bytes and refuses 108", () => {
  assertEquals(unixAddress(`/${"a".repeat(106)}`).length, 110);
  const error = assertThrows(
    () => unixAddress(`/${"a".repeat(107)}`),
    IpoibError,
  );
  assertEquals(error.code, "E_SOCKET_PATH");
  assert(error.hint?.includes("IPOIB_RUNTIME_DIR"));
});
