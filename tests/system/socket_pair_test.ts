import { assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { setNonBlocking } from "../../src/system/fd.ts";
import { socketPair } from "../../src/system/socket_pair.ts";
import { receive, send } from "../../src/system/unix_socket.ts";

const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0x800;

Deno.test("socketPair() keeps messages apart, both ways", () => {
  const [a, b] = socketPair();
  using _a = a;
  using _b = b;
  assertEquals(receive(b.number).type, "empty");
  send(a.number, new Uint8Array([1, 2]));
  send(a.number, new Uint8Array([3]));
  send(b.number, new Uint8Array([4]));
  const got = [b, b, a].map(({ number }) => {
    const message = receive(number);
    return message.type === "message" ? Array.from(message.bytes) : [];
  });
  assertEquals(got, [[1, 2], [3], [4]]);
  a.close();
  assertEquals(receive(b.number).type, "closed");
});

Deno.test("setNonBlocking() sets the flag and leaves the others", () => {
  const [a, b] = socketPair();
  using _a = a;
  using _b = b;
  const before = libc().fcntl(a.number, F_GETFL, 0n);
  libc().fcntl(a.number, F_SETFL, BigInt(before & ~O_NONBLOCK));
  setNonBlocking(a.number);
  assertEquals(libc().fcntl(a.number, F_GETFL, 0n), before);
});
