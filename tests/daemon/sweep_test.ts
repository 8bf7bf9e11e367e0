import { assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { sweep, sweepPorts } from "../../src/daemon/sweep.ts";
import { linkName } from "../../src/ipc/locate.ts";
import { IpcServer } from "../../src/ipc/server.ts";
import { listen } from "../../src/system/unix_socket.ts";

async function inRuntime(
  body: (runtime: string) => Promise<void> | void,
): Promise<void> {
  const runtime = await Deno.makeTempDir();
  try {
    await body(runtime);
  } finally {
    await Deno.remove(runtime, { recursive: true });
  }
}

/** Creates a socket without a listener, as a killed process leaves it. */
async function leaveSocket(path: string): Promise<void> {
  const code = `Deno.listen({transport:"unix",path:${JSON.stringify(path)}});` +
    "Deno.exit(0)";
  await new Deno.Command(Deno.execPath(), { args: ["eval", code] }).output();
}

const names = (directory: string) =>
  [...Deno.readDirSync(directory)].map(({ name }) => name).sort();

const DAYS_MS = 2 * 24 * 3600 * 1000;

function age(path: string): void {
  const then = new Date(Date.now() - DAYS_MS);
  Deno.utimeSync(path, then, then);
}

Deno.test("sweep() removes the files of killed processes, and keeps those of running ones", () =>
  inRuntime(async (runtime) => {
    for (const directory of ["", "/7", "/8", "/9", "/10"]) {
      await Deno.mkdir(`${runtime}/netns${directory}`, { mode: 0o700 });
    }
    const moved = `${runtime}/netns/10`;
    linkName(moved, "../../netns/7/ib0", "ib0.8001");
    linkName(moved, "../../netns/8/ib0", "ib0.8002");
    const dead = `${runtime}/netns/7`;
    await leaveSocket(`${dead}/ib0.sock`);
    linkName(dead, "ib0", "ib0.8001");
    const live = `${runtime}/netns/8`;
    const server = await IpcServer.listen(`${live}/ib0.sock`, "ib0", {});
    linkName(live, "ib0", "ib0.8001");
    await leaveSocket(`${live}/ib1.sock`);
    const unfinished = `${runtime}/netns/9`;
    for (const name of [".new", ".old"]) {
      listen(`${unfinished}/${name}`).close();
    }
    age(`${unfinished}/.old`);
    await leaveSocket(`${runtime}/ib5.sock`);

    sweep(runtime);
    assertEquals(names(`${runtime}/netns`), ["10", "8", "9"]);
    assertEquals(names(moved), ["ib0.8002.sock"]);
    assertEquals(names(live), ["ib0.8001.sock", "ib0.sock"]);
    assertEquals(names(unfinished), [".new"]);
    assertEquals(names(runtime), ["netns"]);
    await server.close();
  }));

Deno.test("sweep() ignores directories that are symbolic links or writable by other users", () =>
  inRuntime((runtime) => {
    const elsewhere = Deno.makeTempDirSync();
    listen(`${elsewhere}/.old`).close();
    age(`${elsewhere}/.old`);
    Deno.mkdirSync(`${runtime}/netns`, { mode: 0o700 });
    Deno.symlinkSync(elsewhere, `${runtime}/netns/7`);
    Deno.mkdirSync(`${runtime}/netns/8`);
    Deno.chmodSync(`${runtime}/netns/8`, 0o777);
    listen(`${runtime}/netns/8/.old`).close();
    age(`${runtime}/netns/8/.old`);
    sweep(runtime);
    assertEquals(names(elsewhere), [".old"]);
    assertEquals(names(`${runtime}/netns/8`), [".old"]);
    Deno.removeSync(elsewhere, { recursive: true });
  }));

Deno.test("sweepPorts() removes stale sockets and returns whether a port is alive", () =>
  inRuntime((directory) => {
    const dead = `${directory}/port-0200000000000001.sock`;
    listen(dead).close();
    Deno.writeTextFileSync(`${directory}/port-x.txt`, "");
    assertEquals(sweepPorts(directory), false);
    assertEquals(names(directory), ["port-x.txt"]);
    using _listener = listen(dead);
    assertEquals(sweepPorts(directory), true);
    assertEquals(sweepPorts(directory), true);
  }));

Deno.test("sweepPorts() keeps the socket of a port that is bound but not listening", () =>
  inRuntime((directory) => {
    const functions = libc() as unknown as Record<
      "listen",
      (fd: number, backlog: number) => number
    >;
    const real = functions.listen;
    const swept: boolean[] = [];
    functions.listen = (fd, backlog) => {
      swept.push(sweepPorts(directory));
      return real(fd, backlog);
    };
    try {
      using _listener = listen(`${directory}/port-0200000000000001.sock`);
      assertEquals(swept, [false]);
      assertEquals(names(directory), ["port-0200000000000001.sock"]);
      assertEquals(sweepPorts(directory), true);
    } finally {
      functions.listen = real;
    }
  }));

Deno.test("sweepPorts() removes old sockets of processes that were killed before they listened", () =>
  inRuntime((directory) => {
    for (const name of [".abc1234", ".def5678"]) {
      listen(`${directory}/${name}`).close();
    }
    age(`${directory}/.abc1234`);
    sweepPorts(directory);
    assertEquals(names(directory), [".def5678"]);
  }));

Deno.test("sweepPorts() ignores a socket that its process removes after the directory was listed", () =>
  inRuntime((directory) => {
    const unfinished = `${directory}/.abc1234`;
    listen(unfinished).close();
    const functions = Deno as { lstatSync: typeof Deno.lstatSync };
    const real = functions.lstatSync;
    functions.lstatSync = (path) => {
      if (path === unfinished) Deno.removeSync(path);
      return real(path);
    };
    try {
      assertEquals(sweepPorts(directory), false);
    } finally {
      functions.lstatSync = real;
    }
    assertEquals(names(directory), []);
  }));

Deno.test("sweep() removes old directories of captures, but nothing outside through a symbolic link", () =>
  inRuntime((runtime) => {
    const elsewhere = Deno.makeTempDirSync();
    Deno.writeTextFileSync(`${elsewhere}/file`, "");
    const capture = (name: string) => {
      Deno.mkdirSync(`${runtime}/${name}`, { mode: 0o700 });
      listen(`${runtime}/${name}/s`).close();
    };
    capture(".1a2b3c4d");
    Deno.symlinkSync(elsewhere, `${runtime}/.1a2b3c4d/x`);
    capture(".3a2b3c4d");
    Deno.symlinkSync(elsewhere, `${runtime}/.2a2b3c4d`);
    age(`${runtime}/.1a2b3c4d`);
    age(elsewhere);
    sweep(runtime);
    assertEquals(names(runtime), [".2a2b3c4d", ".3a2b3c4d"]);
    assertEquals(names(elsewhere), ["file"]);
    Deno.removeSync(elsewhere, { recursive: true });
  }));

Deno.test("sweep() goes on after a file that it cannot remove, and keeps files and directories of others", () =>
  inRuntime((runtime) => {
    Deno.writeTextFileSync(`${runtime}/.profile`, "");
    Deno.mkdirSync(`${runtime}/.ssh`);
    Deno.writeTextFileSync(`${runtime}/.ssh/key`, "");
    for (const name of [".aaaaaaa", ".bbbbbbb"]) {
      listen(`${runtime}/${name}`).close();
    }
    Deno.symlinkSync("ib9.sock", `${runtime}/ib9.8001.sock`);
    for (const name of [".profile", ".ssh", ".aaaaaaa", ".bbbbbbb"]) {
      age(`${runtime}/${name}`);
    }
    const functions = Deno as { removeSync: typeof Deno.removeSync };
    const real = functions.removeSync;
    functions.removeSync = (path, options) => {
      if (String(path).endsWith("/.aaaaaaa")) {
        throw new Deno.errors.PermissionDenied("Operation not permitted");
      }
      real(path, options);
    };
    try {
      sweep(runtime);
    } finally {
      functions.removeSync = real;
    }
    assertEquals(names(runtime), [".aaaaaaa", ".profile", ".ssh"]);
  }));
