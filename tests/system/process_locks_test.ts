import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { ProcessHandle } from "../../src/system/process_handle.ts";
import { ProcessLocks } from "../../src/system/process_locks.ts";

const HOLDER = `
import { ProcessLocks } from ${
  JSON.stringify(import.meta.resolve("../../src/system/process_locks.ts"))
};
const locks = ProcessLocks.hold(Deno.args[0]);
console.log([...locks.pids()].sort().join(","));
await new Promise(() => setInterval(() => {}, 1000));
`;

/** Starts a process that holds a lock and prints the PIDs of the other holders. */
async function holder(path: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "-", path],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(HOLDER));
  await input.close();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const end = async () => {
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
  };
  return { pid: child.pid, saw: new TextDecoder().decode(value).trim(), end };
}

Deno.test("ProcessLocks.pids() returns the PIDs of the other processes that hold a lock", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/processes.lock`;
  try {
    assertEquals(ProcessLocks.open(path), undefined);
    const own = ProcessLocks.hold(path);
    const children = [];
    for (let i = 0; i < 4; i++) children.push(await holder(path));
    const pids = children.map(({ pid }) => pid);
    const before = (i: number) => [Deno.pid, ...pids.slice(0, i)].sort();
    for (const [i, { saw }] of children.entries()) {
      assertEquals(saw, before(i).join(","));
    }
    // Without the PID of this process.
    assertEquals([...own.pids()].sort(), pids.toSorted());
    await children[1]!.end();
    assert(!own.pids().has(pids[1]!));
    for (const i of [0, 2, 3]) await children[i]!.end();
    assertEquals(own.pids().size, 0);
    own.close();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("ProcessLocks does not follow a symbolic link", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.symlink(`${directory}/other`, `${directory}/processes.lock`);
    const error = assertThrows(
      () => ProcessLocks.hold(`${directory}/processes.lock`),
      IpoibError,
    );
    assertEquals(error.code, "E_LOCK");
    const files = await Array.fromAsync(Deno.readDir(directory));
    assertEquals(files.length, 1);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("ProcessHandle terminates its process and detects its end", async () => {
  const child = new Deno.Command("sleep", { args: ["600"] }).spawn();
  const handle = ProcessHandle.open(child.pid);
  assert(handle);
  assert(!handle.ended);
  handle.terminate();
  const { signal } = await child.status;
  assertEquals(signal, "SIGTERM");
  assert(handle.ended);
  handle.terminate();
  handle[Symbol.dispose]();
  assertEquals(ProcessHandle.open(child.pid), undefined);
  assertEquals(ProcessHandle.open(0), undefined);
});
