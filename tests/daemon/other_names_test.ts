import { assert, assertEquals } from "@std/assert";
import { configureLog } from "../../src/base/log.ts";
import { OtherNames } from "../../src/daemon/other_names.ts";
import { interfaceSockets } from "../../src/ipc/locate.ts";
import { IpcServer } from "../../src/ipc/server.ts";

async function inFolder(
  body: (folder: string, log: string[]) => Promise<void> | void,
): Promise<void> {
  const log: string[] = [];
  await configureLog("info", { write: (text) => void log.push(text) });
  const folder = await Deno.makeTempDir();
  try {
    await body(folder, log);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const links = (folder: string) =>
  interfaceSockets(folder).map(({ name, leadsTo }) => [name, leadsTo]);

Deno.test("OtherNames links the names of the interfaces, and takes back those that are gone", () =>
  inFolder((folder, log) => {
    const names = new OtherNames(folder, "ib0");
    assertEquals(names.update(["ib0", "ib0.8001", "blue"]), []);
    assertEquals(links(folder), [["blue", "ib0"], ["ib0.8001", "ib0"]]);
    assertEquals(names.update(["ib0", "ib0.8001"]), ["blue"]);
    assertEquals(links(folder), [["ib0.8001", "ib0"]]);
    assertEquals(log, []);
  }));

Deno.test("OtherNames does not take the socket of another process, and takes that of a dead one", () =>
  inFolder(async (folder, log) => {
    const server = await IpcServer.listen(`${folder}/ib1.sock`, "ib1", {});
    const dead = await IpcServer.listen(`${folder}/ib2.sock`, "ib2", {});
    await Deno.rename(`${folder}/ib2.sock`, `${folder}/ib3.sock`);
    await dead.close();
    const names = new OtherNames(folder, "ib0");
    names.update(["ib1", "ib3"]);
    assertEquals(links(folder), [["ib1", undefined], ["ib3", "ib0"]]);
    assertEquals(log.length, 1);
    assert(/ib0: warning: .*ib1/.test(log[0]!), log[0]);
    // The other process's socket stays when the name is given up.
    names.update([]);
    assertEquals(links(folder), [["ib1", undefined]]);
    await server.close();
  }));

Deno.test("OtherNames goes on where a name cannot be linked or taken back", () =>
  inFolder(async (folder, log) => {
    const names = new OtherNames(`${folder}/none`, "ib0");
    names.update(["ib0", "ib1"]);
    assertEquals(log.length, 1);
    await Deno.mkdir(`${folder}/none/ib1.sock/x`, { recursive: true });
    assertEquals(names.update([]), ["ib1"]);
  }));
