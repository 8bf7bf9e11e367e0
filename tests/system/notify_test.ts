import { assert, assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { Fd } from "../../src/system/fd.ts";
import { inodeOfFd } from "../../src/system/files.ts";
import { notify } from "../../src/system/notify.ts";
import { manager, received } from "./notify_socket.ts";
import { receive } from "../../src/system/unix_socket.ts";

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
