/** The script that runs after the removal of the package, in a mount namespace with its own /run and /var/log. */

import { assertEquals } from "@std/assert";
import { must } from "../e2e/harness/command.ts";

const TOP = new URL("../../", import.meta.url).href;

/** Mounts the directories and runs Deno with the code in $1. */
const SHELL = `
for directory in /run /var/log; do mount -t tmpfs none $directory; done
exec "$0" eval --no-check --no-lock "$1"`;

Deno.test("after the removal of the package /run/ipoib stays while a process has interfaces or a subnet", async () => {
  const code = `
    import { ManagerLock } from "${TOP}src/daemon/manager/manager_lock.ts";
    import { ProcessLocks } from "${TOP}src/system/process_locks.ts";
    const runtime = "/run/ipoib";
    const subnet = runtime + "/subnet/default";
    const remove = (action) => {
      const { code, stdout } = new Deno.Command("sh", {
        args: ["packaging/debian/postrm", action],
        stderr: "inherit",
      }).outputSync();
      let left = [];
      try {
        left = [...Deno.readDirSync(runtime)].map(({ name }) => name).sort();
      } catch {
        // The directory is removed.
      }
      const logs = [...Deno.readDirSync("/var/log")].map(({ name }) => name);
      const said = new TextDecoder().decode(stdout) !== "";
      console.log(action, code, said, left.join(" "), logs.join(" "));
    };
    const make = () => {
      Deno.mkdirSync(subnet, { recursive: true, mode: 0o700 });
      Deno.writeTextFileSync(runtime + "/ib0.state", "");
      Deno.mkdirSync("/var/log/ipoib", { recursive: true });
    };
    make();
    const locks = ProcessLocks.hold(runtime + "/processes.lock");
    remove("upgrade");
    remove("remove");
    remove("purge");
    locks.close();
    make();
    remove("remove");
    make();
    const lock = ManagerLock.take(subnet);
    remove("remove");
    lock?.close();
    remove("purge");`;
  const output = await must([
    ...["unshare", "--mount", "sh", "-e", "-c", SHELL, Deno.execPath(), code],
  ]);
  assertEquals(output.trimEnd().split("\n").map((line) => line.trimEnd()), [
    "upgrade 0 false ib0.state processes.lock subnet ipoib",
    "remove 0 true ib0.state processes.lock subnet ipoib",
    "purge 0 true ib0.state processes.lock subnet",
    "remove 0 false  ipoib",
    "remove 0 true ib0.state subnet ipoib",
    "purge 0 false",
  ]);
});
