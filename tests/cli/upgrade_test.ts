/** `ipoib upgrade`, `ipoib version`, and `ipoib down` of an interface whose process was killed. */

import { assertEquals, assertMatch } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { VERSION } from "../../src/ipc/version.ts";
import * as records from "../ipc/records.ts";
import { CliFixture } from "./support.ts";

const RECORD = {
  pid: 7,
  version: "0.0.9",
  socket: "/run/ipoib/7.handover",
  command: ["up", "ib0"],
};

Deno.test("upgrade prepares the process and starts the new one", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0", {
    handlers: { upgrade: () => RECORD },
  });
  assertEquals(await cli.run("upgrade ib0"), {
    code: 0,
    out: `ib0: version ${VERSION} has replaced version 0.0.9 (pid 7)\n`,
    err: "",
  });
  assertEquals(calls, [["upgrade", {}]]);
  assertEquals(cli.upgrades, [RECORD]);
});

Deno.test("upgrade --pid finds the process of an interface in any network namespace", async () => {
  await using cli = new CliFixture();
  await cli.deadSocket("ib0");
  const calls = await cli.daemon("ib1", {
    netns: "blue",
    handlers: { upgrade: () => RECORD },
    moved: { green: "eth0" },
  });
  assertEquals(await cli.run(`upgrade --pid ${Deno.pid}`), {
    code: 0,
    out: `ib1: version ${VERSION} has replaced version 0.0.9 (pid 7)\n`,
    err: "",
  });
  assertEquals(calls, [["upgrade", {}]]);
  assertEquals(await cli.run("upgrade --pid 1"), {
    code: 3,
    out: "",
    err: "ipoib: Process 1 has no interface (see ipoib version -a)\n",
  });
  const both = await cli.run("upgrade ib0 --pid 1");
  assertEquals(both.code, 1);
});

Deno.test("systemd's unit reloads by PID, since its file may name a network namespace", async () => {
  for (const path of ["packaging/systemd/ipoib@.service", "docs/restart.md"]) {
    const text = await Deno.readTextFile(
      new URL(`../../${path}`, import.meta.url),
    );
    assertMatch(
      text,
      /^ExecReload=\/usr\/bin\/ipoib upgrade --pid \$MAINPID$/m,
    );
  }
});

Deno.test("upgrade prints nothing more and returns the code if the new process fails", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers: { upgrade: () => RECORD } });
  cli.code = 2;
  assertEquals(await cli.run("upgrade"), { code: 2, out: "", err: "" });
});

Deno.test("upgrade of a process that does not know the method is refused", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", {
    handlers: {
      upgrade: () => {
        throw new IpoibError("E_IPC_METHOD", 'Unknown method "upgrade"');
      },
    },
  });
  const { code, err } = await cli.run("upgrade ib0");
  assertEquals([code, err], [2, 'ipoib: Unknown method "upgrade"\n']);
});

Deno.test("version prints the versions of the program and of the processes", async () => {
  await using cli = new CliFixture();
  const nothing = { code: 0, out: `ipoib ${VERSION}\n`, err: "" };
  assertEquals(await cli.run("version"), nothing);
  const { version: _, ...older } = records.link;
  await cli.daemon("ib0", { handlers: { "link.show": () => [records.link] } });
  await cli.daemon("ib1", {
    handlers: { "link.show": () => [{ ...older, ifname: "ib1", pid: 9 }] },
  });
  const { out } = await cli.run("version");
  assertEquals(
    out,
    `ipoib ${VERSION}\n` +
      `ib0 pid ${records.link.pid} version ${records.link.version}\n` +
      "ib1 pid 9 version unknown: replace it with ipoib upgrade\n",
  );
  assertEquals(JSON.parse((await cli.run("-j version")).out), [{
    version: VERSION,
    processes: [
      {
        ifname: "ib0",
        pid: records.link.pid,
        version: records.link.version,
      },
      { ifname: "ib1", pid: 9, version: "unknown" },
    ],
  }]);
});

Deno.test("down deletes the device that a killed process has left, and show commands say so", async () => {
  await using cli = new CliFixture();
  cli.leftDevices.push("ib0");
  const { code, err } = await cli.run("link show ib0");
  assertEquals(
    [code, err],
    [
      3,
      "ipoib: ib0 is not running (its process has left the network device: ipoib up ib0 takes it over, ipoib down ib0 deletes it)\n",
    ],
  );
  assertEquals(await cli.run("down ib0"), { code: 0, out: "", err: "" });
  assertEquals((await cli.run("down ib0")).code, 3);
});

Deno.test("show commands of a child that a killed process has left name its parent", async () => {
  await using cli = new CliFixture();
  cli.leftDevices.push("ib0.8001");
  cli.leftParents["ib0.8001"] = "ib0";
  assertEquals(
    (await cli.run("link show ib0.8001")).err,
    "ipoib: ib0.8001 is not running (its process has left the network device, a child of ib0: ipoib up ib0 takes it over, ipoib down ib0.8001 deletes it)\n",
  );
});

Deno.test("commands that find no interface name those that killed processes have left, and the namespace", async () => {
  await using cli = new CliFixture();
  const hint = async (line: string) =>
    /\((.*)\)$/m.exec((await cli.run(line)).err)?.[1];
  assertEquals(
    await hint("-n blue link"),
    "start one with ipoib -n blue up ib0",
  );
  assertEquals(
    await hint("-n blue link show ib0"),
    "start it with ipoib -n blue up ib0",
  );
  cli.leftDevices.push("ib0", "ib0.8001", "ib1");
  cli.leftParents["ib0.8001"] = "ib0";
  for (const line of ["link", "param", "top -b -n 1"]) {
    assertEquals(
      await hint(line),
      "killed processes have left ib0, ib1: ipoib up ib0 takes it over, ipoib down ib0 deletes it",
      line,
    );
  }
});

Deno.test("down of a process that does not answer says that the request remains queued", async () => {
  await using cli = new CliFixture();
  cli.endLimitMs = 300;
  cli.silent("ib0");
  await cli.daemon("ib1", { handlers: { "down": () => ({}) } });
  for (const name of ["ib0", "ib1"]) {
    assertEquals(await cli.run(`down ${name}`), {
      code: 2,
      out: "",
      err:
        `ipoib: ${name} did not stop within 0.3 s (the request remains queued: the interface is deleted when its process continues; ipoib doctor ${name} shows whether it is stopped)\n`,
    });
  }
});
