import { assert, assertEquals, assertMatch } from "@std/assert";
import { configureLog } from "../../../src/base/log.ts";
import {
  allStates,
  findParentState,
  findState,
  forgetChild,
  StateFile,
  statePath,
} from "../../../src/daemon/restart/state_file.ts";
import { saved } from "./records.ts";

const COMMAND = ["up", "ib0"];

/** Runs `test` with a directory, and returns what was logged. */
async function inDirectory(
  test: (directory: string) => Promise<void>,
): Promise<string> {
  const directory = await Deno.makeTempDir();
  let log = "";
  await configureLog("info", { write: (text) => void (log += text) });
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  return log;
}

function stateFile(directory: string, command = COMMAND): StateFile {
  return new StateFile(statePath(directory, "ib0"), "ib0", command);
}

Deno.test("StateFile reads what another process with the same command line has written", async () => {
  const log = await inDirectory(async (directory) => {
    await stateFile(directory).write(saved);
    assertEquals(stateFile(directory).read(), { saved, sameCommand: true });
    const { mode } = await Deno.lstat(statePath(directory, "ib0"));
    assertEquals(mode! & 0o777, 0o600);
    assertEquals((await Array.fromAsync(Deno.readDir(directory))).length, 1);
  });
  assertEquals(log, "");
});

Deno.test("StateFile tells another command line, and a missing file", async () => {
  const log = await inDirectory(async (directory) => {
    assertEquals(stateFile(directory).read(), undefined);
    await stateFile(directory).write(saved);
    for (const other of [["up", "ib1"], ["up"], [...COMMAND, "--mtu"]]) {
      assertEquals(stateFile(directory, other).read()?.sameCommand, false);
    }
    stateFile(directory).remove();
    stateFile(directory).remove();
    assertEquals(stateFile(directory).read(), undefined);
  });
  assertEquals(log, "");
});

Deno.test("StateFile ignores members of a later version, and logs a file that it cannot read", async () => {
  const log = await inDirectory(async (directory) => {
    const path = statePath(directory, "ib0");
    await stateFile(directory).write(saved);
    const state = JSON.parse(await Deno.readTextFile(path));
    state.later = 1;
    state.interface.parent.later = { colour: "blue" };
    await Deno.writeTextFile(path, JSON.stringify(state));
    assertEquals(stateFile(directory).read()?.saved, saved);
    for (
      const text of ["", "{", "[]", JSON.stringify({ ...state, format: 2 })]
    ) {
      await Deno.writeTextFile(path, text);
      assertEquals(stateFile(directory).read(), undefined);
    }
  });
  assertMatch(log, /Cannot read the record of the interface/);
});

Deno.test("StateFile logs a file that cannot be written once, and does not throw", async () => {
  const log = await inDirectory(async (directory) => {
    const file = stateFile(directory);
    await Deno.mkdir(statePath(directory, "ib0"));
    await file.write(saved);
    await file.write(saved);
    await Deno.remove(statePath(directory, "ib0"));
    await file.write(saved);
    assert(file.read());
  });
  assertEquals(log.match(/Cannot write the record/g)?.length, 1);
});

Deno.test("findState() finds a record by the name of the start and by the present name", async () => {
  await inDirectory(async (directory) => {
    const path = statePath(directory, "ib0");
    const parent = { ...saved.parent, name: "uplink" };
    await stateFile(directory).write({ ...saved, parent });
    assertEquals(findState(directory, "ib0")?.path, path);
    assertEquals(findState(directory, "uplink")?.path, path);
    assertEquals(findState(directory, "uplink")?.owner, "ib0");
    assertEquals(findState(directory, "ib0.8001"), undefined);
    assertEquals(findState(`${directory}/none`, "ib0"), undefined);
  });
});

Deno.test("forgetChild() removes a child from the record of its parent, and nothing else", async () => {
  await inDirectory(async (directory) => {
    const other = { ...saved.children[0]!, name: "ib0.8002" };
    const children = [...saved.children, other];
    await stateFile(directory).write({ ...saved, children });
    const { path, owner } = findParentState(directory, "ib0.8002")!;
    assertEquals([path, owner], [statePath(directory, "ib0"), "ib0"]);
    await forgetChild(path, "ib0.8002");
    assertEquals(findParentState(directory, "ib0.8002"), undefined);
    assertEquals(stateFile(directory).read(), { saved, sameCommand: true });
    assertEquals(allStates(directory), [{ path, owner, saved }]);
  });
});
