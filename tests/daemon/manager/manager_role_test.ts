import { assert, assertEquals, assertRejects } from "@std/assert";
import { ManagerRole } from "../../../src/daemon/manager/manager_role.ts";
import { Service } from "../../../src/daemon/thread/service.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { makeSubnetDirectory } from "../../../src/daemon/subnet_directory.ts";
import { IpcClient } from "../../../src/ipc/client.ts";
import { tryLock } from "../../../src/system/lock.ts";
import { listen } from "../../../src/system/unix_socket.ts";

/** Calls `test` with the directory of a subnet in a temporary runtime directory. */
async function withDirectory(
  test: (directory: string) => Promise<void>,
): Promise<void> {
  const runtime = await Deno.makeTempDir({ prefix: "ipoib-test-" });
  try {
    await test(makeSubnetDirectory(runtime, "lab"));
  } finally {
    await Deno.remove(runtime, { recursive: true });
  }
}

function managerRole(directory: string, name: string) {
  return new ManagerRole({
    directory,
    subnet: "lab",
    name,
    log: "silent",
    subnetMtu: 4096,
  });
}

/** Returns a role whose partitions come from a file. */
async function configured(directory: string): Promise<ManagerRole> {
  const partitions = `${directory}/../conf`;
  await Deno.writeTextFile(partitions, "Default=0x7fff, ipoib : ALL=full ;\n");
  return new ManagerRole({
    directory,
    subnet: "lab",
    name: "ib0",
    log: "silent",
    subnetMtu: undefined,
    partitions,
  });
}

const exists = (path: string) => {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
};

Deno.test("makeSubnetDirectory() creates the directory with mode 0700", () =>
  withDirectory((directory) => {
    assertEquals(Deno.statSync(directory).mode! & 0o777, 0o700);
    assert(directory.endsWith("/subnet/lab"));
    return Promise.resolve();
  }));

Deno.test("ManagerRole.tryTake() succeeds for one holder, and for the next one after close()", () =>
  withDirectory(async (directory) => {
    const [first, second] = [
      managerRole(directory, "ib0"),
      managerRole(directory, "ib1"),
    ];
    assertEquals(await first.tryTake(), true);
    assertEquals(await first.tryTake(), true);
    assertEquals(await second.tryTake(), false);
    assert(exists(`${directory}/sm.sock`));
    await first.close();
    assertEquals(exists(`${directory}/sm.sock`), false);
    assertEquals(await second.tryTake(), true);
    await second.close();
    await second.close();
  }));

Deno.test("ManagerRole.close() during the start removes the sockets, and tryTake() fails afterwards", () =>
  withDirectory(async (directory) => {
    const closing = managerRole(directory, "ib0");
    const taking = closing.tryTake();
    await closing.close();
    await taking;
    assertEquals(exists(`${directory}/sm.sock`), false);
    assertEquals(exists(`${directory}/control.sock`), false);
    assertEquals(await closing.tryTake(), false);
    const next = managerRole(directory, "ib1");
    assertEquals(await next.tryTake(), true);
    await next.close();
  }));

Deno.test("ManagerRole.tryTake() succeeds if killed processes left their files", () =>
  withDirectory(async (directory) => {
    for (const name of ["sm.sock", "control.sock", "manager.lock"]) {
      await Deno.writeTextFile(`${directory}/${name}`, "");
    }
    const taken = managerRole(directory, "ib0");
    assertEquals(await taken.tryTake(), true);
    await taken.close();
  }));

Deno.test("ManagerRole.tryTake() fails while the lock is held", () =>
  withDirectory(async (directory) => {
    const lock = tryLock(`${directory}/manager.lock`)!;
    const waiting = managerRole(directory, "ib0");
    assertEquals(await waiting.tryTake(), false);
    assertEquals(exists(`${directory}/sm.sock`), false);
    lock.close();
    assertEquals(await waiting.tryTake(), true);
    await waiting.close();
  }));

Deno.test("ManagerRole serves the control socket of the subnet", () =>
  withDirectory(async (directory) => {
    const held = managerRole(directory, "subnet run");
    await held.tryTake();
    const path = `${directory}/control.sock`;
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
    using client = await IpcClient.connect(path, "Subnet lab");
    const shown = await client.call("subnet.show", {});
    assertEquals([shown.mtu, shown.manager.name], [4096, "subnet run"]);
    assertEquals(shown.manager.pid, Deno.pid);
    assertEquals(shown.ports, []);
    const seed = 7;
    const { rules } = await client.call("subnet.fault.set", { seed, drop: 1 });
    assertEquals(rules, [{ seed, drop: 1 }]);
    assertEquals((await client.call("subnet.reload", {})).partitions, 3);
    await held.close();
  }));

Deno.test("subnet.kill is answered before the manager ends, and another process can take the role", () =>
  withDirectory(async (directory) => {
    const killed = managerRole(directory, "ib0");
    await killed.tryTake();
    const path = `${directory}/control.sock`;
    using client = await IpcClient.connect(path, "Subnet lab");
    await client.call("subnet.kill", {});
    await client.closed;
    const next = managerRole(directory, "ib1");
    assertEquals(await next.tryTake(), true);
    await next.close();
    await killed.close();
  }));

Deno.test("subnet.kill gives up the role even if the manager cannot be closed", () =>
  withDirectory(async (directory) => {
    const killed = managerRole(directory, "ib0");
    const crash = Promise.withResolvers<Error>();
    const next = managerRole(directory, "ib1");
    // onCrash may take the role again, so it must already be free.
    killed.onCrash = (error) =>
      void next.tryTake().then((taken) => {
        assert(taken);
        crash.resolve(error);
      }).catch(crash.reject);
    await killed.tryTake();
    using client = await IpcClient.connect(
      `${directory}/control.sock`,
      "Subnet lab",
    );
    const { close } = Service.prototype;
    Service.prototype.close = () =>
      Promise.reject(new IpoibError("E_TEST", "Cannot close"));
    try {
      await client.call("subnet.kill", {});
      assertEquals((await crash.promise).message, "Cannot close");
    } finally {
      Service.prototype.close = close;
    }
    await client.closed;
    await next.close();
    await killed.close();
  }));

Deno.test("ManagerRole.reload() uses the built-in partitions or a file, and an invalid file changes nothing", () =>
  withDirectory(async (directory) => {
    const only = managerRole(directory, "ib0");
    assertEquals(await only.tryTake(), true);
    const builtIn = await only.reload();
    assertEquals([builtIn.partitions, builtIn.file], [3, undefined]);
    const file = `${directory}/mine.conf`;
    await Deno.writeTextFile(file, "Default=0x7fff, ipoib : ALL=full ;\n");
    assertEquals((await only.reload(file)).partitions, 1);
    assertEquals((await only.reload()).partitions, 1);
    await Deno.writeTextFile(file, "Default=0x7fff, ipoib ALL=full\n");
    await assertRejects(() => only.reload(), Error, "mine.conf");
    assertEquals(
      await Deno.readTextFile(`${directory}/partitions.conf`),
      "Default=0x7fff, ipoib : ALL=full ;\n",
    );
    await only.close();
  }));

Deno.test("ManagerRole.close() leaves only the lock file if no port is alive", () =>
  withDirectory(async (directory) => {
    const left = `${directory}/port-0200000000000001.sock`;
    listen(left).close();
    const held = await configured(directory);
    assertEquals(await held.tryTake(), true);
    assertEquals(exists(left), false);
    assert(exists(`${directory}/partitions.conf`));
    await held.close();
    const names = await Array.fromAsync(Deno.readDir(directory));
    assertEquals(names.map(({ name }) => name), ["manager.lock"]);
  }));

Deno.test("ManagerRole.close() keeps the partitions if a port is alive", () =>
  withDirectory(async (directory) => {
    using _port = listen(`${directory}/port-0200000000000001.sock`);
    const held = await configured(directory);
    await held.tryTake();
    await held.close();
    assert(exists(`${directory}/partitions.conf`));
  }));

Deno.test("ManagerRole.tryTake() succeeds if the partitions cannot be stored", () =>
  withDirectory(async (directory) => {
    await Deno.mkdir(`${directory}/partitions.conf.new/x`, { recursive: true });
    const held = await configured(directory);
    assertEquals(await held.tryTake(), true);
    await held.close();
  }));
