import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import {
  interfaceSockets,
  linkName,
  linkTarget,
  namespaceDirectories,
  namespaceIdentity,
  socketDirectory,
  socketPath,
  subnetSocketPath,
  unlinkName,
  unlinkNames,
} from "../../src/ipc/locate.ts";

Deno.test("socketDirectory() returns a separate directory for each namespace but the initial one", () => {
  const own = (initial: boolean) => ({ inode: 4026532281n, initial });
  assertEquals(socketDirectory("/run/ipoib", own(true)), "/run/ipoib");
  assertEquals(
    socketDirectory("/run/ipoib", own(false)),
    "/run/ipoib/netns/4026532281",
  );
});

Deno.test("namespaceIdentity() detects the initial namespace by the inode of process 1, else by its fixed inode", () => {
  assert(namespaceIdentity(5n, 5n).initial);
  assert(!namespaceIdentity(6n, 5n).initial);
  assert(!namespaceIdentity(4026532281n, undefined).initial);
  assert(namespaceIdentity(0xeffffff9n, undefined).initial);
});

Deno.test("namespaceDirectories() returns the directories of namespaces in the order of their inodes", () => {
  const runtime = Deno.makeTempDirSync();
  try {
    assertEquals(namespaceDirectories(runtime), []);
    for (const name of ["4026532300", "99", "other"]) {
      Deno.mkdirSync(`${runtime}/netns/${name}`, { recursive: true });
    }
    assertEquals(namespaceDirectories(runtime), [
      { path: `${runtime}/netns/99`, inode: 99n },
      { path: `${runtime}/netns/4026532300`, inode: 4026532300n },
    ]);
  } finally {
    Deno.removeSync(runtime, { recursive: true });
  }
});

Deno.test("socketPath() refuses names that are not interface names", () => {
  assertEquals(socketPath("/r", "ib0"), "/r/ib0.sock");
  assertEquals(subnetSocketPath("/r", "lab"), "/r/subnet/lab/control.sock");
  for (const name of ["..", "a/b", ""]) {
    const error = assertThrows(() => socketPath("/r", name), IpoibError);
    assertEquals(error.code, "E_NAME");
  }
});

Deno.test("linkTarget() returns the name in the same directory, else a relative path", () => {
  for (
    const [directory, socket, expected] of [
      ["/r", "/r/ib0.sock", "ib0"],
      ["/r", "/r/netns/7/ib0.sock", "netns/7/ib0"],
      ["/r/netns/7", "/r/netns/7/ib0.sock", "ib0"],
      ["/r/netns/7", "/r/ib0.sock", "../../ib0"],
      ["/r/netns/7", "/r/netns/8/ib0.sock", "../../netns/8/ib0"],
    ] as const
  ) assertEquals(linkTarget("/r", directory, socket), expected);
});

Deno.test("interfaceSockets() returns parents and children; linkName() and unlinkName() change the children", () => {
  const directory = Deno.makeTempDirSync();
  try {
    assertEquals(interfaceSockets(`${directory}/none`), []);
    Deno.writeTextFileSync(`${directory}/ib0.sock`, "");
    Deno.writeTextFileSync(`${directory}/notes.txt`, "");
    Deno.mkdirSync(`${directory}/netns`);
    linkName(directory, "ib0", "ib0.8001");
    linkName(directory, "ib0", "ib0.8001");
    linkName(directory, "ib0", "ib0.8002");
    linkName(directory, "ib1", "ib1.8001");
    const names = () =>
      interfaceSockets(directory).map(({ name, target }) => [name, target]);
    assertEquals(names(), [
      ["ib0", undefined],
      ["ib0.8001", "ib0"],
      ["ib0.8002", "ib0"],
      ["ib1.8001", "ib1"],
    ]);
    unlinkName(directory, "ib1", "ib0.8001");
    assertEquals(names().length, 4);
    unlinkName(directory, "ib0", "ib0.8001");
    unlinkName(directory, "ib0", "ib0.8001");
    unlinkName(directory, "ib0", "ib0");
    unlinkNames(directory, "ib0");
    assertEquals(names(), [["ib0", undefined], ["ib1.8001", "ib1"]]);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
