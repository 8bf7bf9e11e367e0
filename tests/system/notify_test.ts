import { assert, assertEquals } from "@std/assert";
import { cString, libc } from "../../ffi/libc.ts";
import { Fd } from "../../src/system/fd.ts";
import { inodeOfFd } from "../../src/system/files.ts";
import { notify } from "../../src/system/notify.ts";
import { receive } from "../../src/system/unix_socket.ts";

/** Binds a datagram socket to a path, or to an abstract name that starts with "@". */
function manager(path: string): Fd {
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

function received(fd: Fd): string | undefined {
  const bytes = new Uint8Array(200);
  const length = libc().recv(fd.number, bytes, bytes.length, 0x40);
  return length < 0
    ? undefined
    : new TextDecoder().decode(bytes.subarray(0, length));
}

Deno.test("notify() sends to a socket in the file system", () => {
  const directory = Deno.makeTempDirSync();
  try {
    using fd = manager(`${directory}/notify`);
    notify("READY=1", `${directory}/notify`);
    assertEquals(received(fd), "READY=1");
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("notify() sends to an abstract socket", () => {
  const name = `@ipoib-notify-test-${crypto.randomUUID()}`;
  using fd = manager(name);
  notify("STOPPING=1", name);
  assertEquals(received(fd), "STOPPING=1");
});

Deno.test("notify() ignores a missing, unreachable or overlong path", () => {
  const before = [...Deno.readDirSync("/proc/self/fd")].length;
  notify("READY=1", undefined);
  notify("READY=1", "");
  notify("READY=1", "/nowhere/at/all");
  notify("READY=1", `/${"a".repeat(200)}`);
  assertEquals([...Deno.readDirSync("/proc/self/fd")].length, before);
});

Deno.test("notify() passes copies of descriptors", () => {
  const directory = Deno.makeTempDirSync();
  try {
    using fd = manager(`${directory}/notify`);
    using passed = new Fd(libc().socket(1, 2 | 0x80000, 0));
    notify("FDSTORE=1\nFDNAME=ib0.7", `${directory}/notify`, [passed.number]);
    const message = receive(fd.number);
    assert(message.type === "message");
    assertEquals(
      new TextDecoder().decode(message.bytes),
      "FDSTORE=1\nFDNAME=ib0.7",
    );
    const [copy] = message.fds;
    assertEquals(inodeOfFd(copy!.number), inodeOfFd(passed.number));
    assert(copy!.number !== passed.number);
    copy!.close();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
