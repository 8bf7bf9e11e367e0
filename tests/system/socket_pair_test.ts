import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { setNonBlocking } from "../../src/system/fd.ts";
import { socketPair } from "../../src/system/socket_pair.ts";
import { receive, send } from "../../src/system/unix_socket.ts";

const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0x800;

Deno.test("socketPair() preserves message boundaries in both directions", () => {
  const [a, b] = socketPair();
  using _a = a;
  using _b = b;
  assertEquals(receive(b.number).type, "empty");
  send(a.number, new Uint8Array([1, 2]));
  send(a.number, new Uint8Array([3]));
  send(b.number, new Uint8Array([4]));
  const received = [b, b, a].map(({ number }) => {
    const message = receive(number);
    return message.type === "message" ? Array.from(message.bytes) : [];
  });
  assertEquals(received, [[1, 2], [3], [4]]);
  a.close();
  assertEquals(receive(b.number).type, "closed");
});

Deno.test("the queue of a socket pair holds as many messages as its size has KiB", () => {
  const fill = (bytes?: number) => {
    const [a, b] = socketPair(bytes);
    using _a = a;
    using _b = b;
    const message = new Uint8Array(280);
    let sent = 0;
    while (sent < 10_000 && send(a.number, message)) sent++;
    return sent;
  };
  // Without CAP_NET_ADMIN, the system limits the size.
  const limit = Number(Deno.readTextFileSync("/proc/sys/net/core/wmem_max"));
  const bytes = 1 << 20;
  const least = Deno.uid() === 0 ? bytes : Math.min(bytes, limit);
  assertGreater(fill(bytes), least / 1024);
  assertLess(fill(), bytes / 1024);
});

Deno.test("setNonBlocking() sets O_NONBLOCK and preserves the other flags", () => {
  const [a, b] = socketPair();
  using _a = a;
  using _b = b;
  const before = libc().fcntl(a.number, F_GETFL, 0n);
  libc().fcntl(a.number, F_SETFL, BigInt(before & ~O_NONBLOCK));
  setNonBlocking(a.number);
  assertEquals(libc().fcntl(a.number, F_GETFL, 0n), before);
});
