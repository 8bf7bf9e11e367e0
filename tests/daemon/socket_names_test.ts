import { assert, assertEquals } from "@std/assert";
import { configureLog } from "../../src/base/log.ts";
import type { InterfacePlace } from "../../src/daemon/interface_places.ts";
import { SocketNames } from "../../src/daemon/socket_names.ts";
import { exists } from "../../src/ipc/runtime_directory.ts";
import { interfaceSockets } from "../../src/ipc/locate.ts";
import { IpcServer } from "../../src/ipc/server.ts";

/** Calls `body` with a server at `ib0.sock` in a temporary runtime directory. */
async function inRuntime(
  body: (
    runtime: string,
    names: SocketNames,
    log: string[],
    server: IpcServer,
  ) => Promise<void>,
): Promise<void> {
  const log: string[] = [];
  configureLog("info", { write: (text) => void log.push(text) });
  const runtime = await Deno.makeTempDir();
  const before = Deno.env.get("IPOIB_RUNTIME_DIR");
  Deno.env.set("IPOIB_RUNTIME_DIR", runtime);
  const server = await IpcServer.listen(`${runtime}/ib0.sock`, "ib0", {});
  try {
    await body(runtime, new SocketNames(runtime, server), log, server);
  } finally {
    await server.close();
    if (before === undefined) Deno.env.delete("IPOIB_RUNTIME_DIR");
    else Deno.env.set("IPOIB_RUNTIME_DIR", before);
    await Deno.remove(runtime, { recursive: true });
  }
}

/** Returns an interface in the initial namespace, or in the one with this inode. */
function place(name: string, inode?: bigint): InterfacePlace {
  return {
    name,
    namespace: {
      inode: inode ?? 1n,
      procInode: 2n,
      initial: inode === undefined,
    },
  };
}

const sockets = (directory: string) =>
  interfaceSockets(directory).map(({ name, target }) => [name, target]);

Deno.test("SocketNames creates links of children, and removes those of deleted children", () =>
  inRuntime(async (runtime, names, log) => {
    await names.update([place("ib0"), place("ib0.8001"), place("blue")]);
    assertEquals(sockets(runtime), [
      ["blue", "ib0"],
      ["ib0", undefined],
      ["ib0.8001", "ib0"],
    ]);
    await names.update([place("ib0"), place("ib0.8001")]);
    assertEquals(sockets(runtime), [["ib0", undefined], ["ib0.8001", "ib0"]]);
    await names.update([]);
    assertEquals(sockets(runtime), [["ib0", undefined]]);
    assertEquals(log, []);
  }));

Deno.test("SocketNames follows renames and moves, and removes empty directories", () =>
  inRuntime(async (runtime, names, _log, server) => {
    await names.update([place("ib0"), place("ib0.8001")]);
    await names.update([place("ib7"), place("ib0.8001")]);
    assertEquals(sockets(runtime), [["ib0.8001", "ib7"], ["ib7", undefined]]);
    await names.update([place("eth7", 12n), place("ib0.8001")]);
    assertEquals(sockets(runtime), [["ib0.8001", "netns/12/eth7"]]);
    assertEquals(server.path, `${runtime}/netns/12/eth7.sock`);
    await names.update([place("eth7", 12n), place("ib0.8001", 13n)]);
    assertEquals(sockets(runtime), []);
    assertEquals(sockets(`${runtime}/netns/13`), [
      ["ib0.8001", "../../netns/12/eth7"],
    ]);
    (await Deno.connect({
      transport: "unix",
      path: `${runtime}/netns/13/ib0.8001.sock`,
    })).close();
    await names.update([place("ib0"), place("ib0.8001", 13n)]);
    assertEquals(sockets(runtime), [["ib0", undefined]]);
    assert(!exists(`${runtime}/netns/12`));
    await names.update([place("ib0")]);
    assert(!exists(`${runtime}/netns/13`));
  }));

Deno.test("SocketNames replaces a stale socket, but not that of another process", () =>
  inRuntime(async (runtime, names, log) => {
    const other = await IpcServer.listen(`${runtime}/ib1.sock`, "ib1", {});
    const dead = await IpcServer.listen(`${runtime}/ib2.sock`, "ib2", {});
    await Deno.rename(`${runtime}/ib2.sock`, `${runtime}/ib3.sock`);
    await dead.close();
    await names.update([place("ib0"), place("ib1"), place("ib3")]);
    assertEquals(sockets(runtime), [
      ["ib0", undefined],
      ["ib1", undefined],
      ["ib3", "ib0"],
    ]);
    // The parent is renamed to ib1 while another process still uses that path.
    await names.update([place("ib1")]);
    assertEquals(sockets(runtime), [["ib0", undefined], ["ib1", undefined]]);
    await other.close();
    names.retry();
    // Waits for the retry.
    await names.update([place("ib1")]);
    assertEquals(sockets(runtime), [["ib1", undefined]]);
    assertEquals(log, []);
  }));

Deno.test("SocketNames logs a path that cannot be replaced once, and updates the others", () =>
  inRuntime(async (runtime, names, log) => {
    await Deno.mkdir(`${runtime}/ib1.sock/x`, { recursive: true });
    await names.update([place("ib0"), place("ib1"), place("ib2")]);
    assertEquals(sockets(runtime), [["ib0", undefined], ["ib2", "ib0"]]);
    assertEquals(log.length, 1);
    names.retry();
    await names.update([]);
    assertEquals(log.length, 1);
  }));
