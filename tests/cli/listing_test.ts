/** Commands that show several interfaces. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { IpoibError } from "../../src/base/errors.ts";
import type { Handlers } from "../../src/ipc/server.ts";
import type { LinkRecord } from "../../src/ipc/schema.ts";
import * as records from "../ipc/records.ts";
import { CliFixture, deny } from "./support.ts";

/** Handlers of a process with interface `ifname`, whose index is `ifindex`. */
function named(ifname: string, ifindex: number): Handlers {
  const dev = ifname;
  return {
    "link.show": () => [{ ...records.link, ifname, ifindex }],
    "neigh.show": () => [{ ...records.neighbours[0]!, dev }],
    "path.show": () => [{ ...records.paths[0]!, dev }],
    "mcg.show": () => [{ ...records.groups[0]!, dev }],
    "maddr.show": () => [{ ...records.maddrs[0]!, ifname }],
    "child.list": () => [{ ...records.child, link: ifname }],
    driver: () => ({
      "driver": "ib_ipoib",
      "version": "0.1.0",
      "firmware-version": "1.0.0",
      "expansion-rom-version": "",
      "bus-info": ifname,
      "supports-statistics": true,
      "supports-test": false,
      "supports-eeprom-access": false,
      "supports-register-dump": false,
      "supports-priv-flags": false,
    }),
  };
}

Deno.test("commands that show list all interfaces of the namespace", async () => {
  await using cli = new CliFixture();
  const calls = [
    await cli.daemon("ib0", { handlers: named("ib0", 9) }),
    await cli.daemon("ib1", { handlers: named("ib1", 4) }),
  ];
  await cli.daemon("ib2", { netns: "blue" });
  await cli.deadSocket("ib3");
  for (const object of ["neigh", "path", "mcg", "maddr", "child"]) {
    const { code, out, err } = await cli.run(`${object}`);
    assertEquals([code, err], [0, ""], object);
    assert(out.indexOf("ib0") < out.indexOf("ib1"), out);
    assert(!out.includes("ib2"), out);
  }
  // As in `ip`, by index.
  const { out } = await cli.run("link");
  assertEquals(out.match(/^\d+: \w+/gm), ["4: ib1", "9: ib0"]);
  const json = JSON.parse((await cli.run("-j link")).out);
  assertEquals(json.map(({ ifname }: { ifname: string }) => ifname), [
    "ib1",
    "ib0",
  ]);
  assertEquals(calls[0]!.slice(0, 1), [["neigh.show", {}]]);
});

Deno.test("ethtool without an interface shows all, those without their names under a heading", async () => {
  await using cli = new CliFixture();
  for (const name of ["ib0", "ib1"]) {
    await cli.daemon(name, { handlers: named(name, 1) });
  }
  const { code, out } = await cli.run("ethtool -i");
  assertEquals(code, 0);
  assertEquals(out.match(/^(ib\d:|bus-info: .*)$/gm), [
    "ib0:",
    "bus-info: ib0",
    "ib1:",
    "bus-info: ib1",
  ]);
  const json = JSON.parse((await cli.run("-j ethtool -i")).out);
  assertEquals(json.length, 2);
  assertEquals(json[1].ifname, "ib1");
  assertEquals(
    (await cli.run("ethtool")).out.match(/^Settings.*$/gm),
    ["Settings for ib0:", "Settings for ib1:"],
  );
  assert(!(await cli.run("ethtool -i ib0")).out.includes("ib0:\n"));
});

Deno.test("an interface that does not answer is listed as such and delays no other", async () => {
  await using cli = new CliFixture();
  // Below the time limit of a call.
  cli.replyLimitMs = Math.min(patient(1000), 15_000);
  await cli.daemon("ib1");
  cli.silent("ib0");
  const links = await cli.run("link");
  assertEquals([links.code, links.err], [0, ""]);
  assert(links.out.startsWith("4: ib0: <BROADCAST"), links.out);
  assert(links.out.endsWith("\nib0: not answering\n"), links.out);
  const json = JSON.parse((await cli.run("-j link")).out);
  assertEquals(json.at(-1), { ifname: "ib0", state: "not answering" });

  const neighbours = await cli.run("neigh");
  assertStringIncludes(neighbours.out, "REACHABLE");
  assertEquals([neighbours.code, neighbours.err], [
    2,
    `ipoib: ib0 did not reply within ${
      cli.replyLimitMs / 1000
    } s (its process may be stopped or overloaded)\n`,
  ]);
});

Deno.test("if no interface can be shown, the error of the first one is printed", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", {
    handlers: {
      "neigh.show": () => {
        throw new IpoibError("E_TEST", "The table is locked", { errno: 16 });
      },
    },
  });
  assertEquals(await cli.run("neigh"), {
    code: 2,
    out: "",
    err: "ipoib: The table is locked\n",
  });
});

Deno.test("-a lists the interfaces of all namespaces with namespace, PID, state and version", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers: named("ib0", 9) });
  await cli.daemon("ib0", { netns: "blue", handlers: named("ib0", 4) });
  await cli.daemon("ib7", {
    netns: "4026532300",
    handlers: {
      "link.show": () => [{ ...records.link, ifname: "ib7", state: "waiting" }],
    },
  });
  for (const line of ["-a", "-a link", "link show -all"]) {
    const { code, out, err } = await cli.run(line);
    assertEquals([code, err], [0, ""], line);
    assertEquals(out.match(/^( {4}netns.*)$|^\d+: \w+/gm), [
      "9: ib0",
      "    netns (initial) pid 4711 version 0.1.0 state running",
      "4: ib0",
      "    netns blue pid 4711 version 0.1.0 state running",
      "4: ib7",
      "    netns net:[4026532300] pid 4711 version 0.1.0 state waiting",
    ], line);
  }
  const json = JSON.parse((await cli.run("-a -j link")).out);
  assertEquals(
    json.map(({ netns, ifname, pid, version, state }: LinkRecord & Named) => [
      ...[netns, ifname, pid, version, state],
    ]),
    [
      [undefined, "ib0", 4711, "0.1.0", "running"],
      ["blue", "ib0", 4711, "0.1.0", "running"],
      [undefined, "ib7", 4711, "0.1.0", "waiting"],
    ],
  );
  assertEquals(
    (await cli.run("-a -br link show ib7")).out,
    `ib7              UP             ${records.link.address} <BROADCAST,MULTICAST,UP,LOWER_UP> ` +
      "netns net:[4026532300] pid 4711 version 0.1.0 state waiting\n",
  );
});

interface Named {
  readonly netns?: string;
}

Deno.test("-a shows the tables of each namespace under its name", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  await cli.daemon("ib0", { netns: "blue" });
  const { out } = await cli.run("-a neigh");
  const one = (await cli.run("neigh")).out;
  assertEquals(out, `netns: (initial)\n${one}netns: blue\n${one}`);
  const json = JSON.parse((await cli.run("-a -j maddr")).out);
  assertEquals(json, [
    ...records.maddrs,
    ...records.maddrs.map((record) => ({ netns: "blue", ...record })),
  ]);
});

Deno.test("-a is refused by commands for one interface", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0");
  for (
    const line of [
      ...["down ib0", "up ib0", "param", "showconf", "get mode"],
      ...["set umcast 1", "link set ib0 mtu 2044", "neigh flush", "upgrade"],
      ...[
        "child create 0x8001",
        "capture ib0",
        "debug mcg",
        "ethtool -G rx 256",
      ],
    ]
  ) {
    const { code, err } = await cli.run(`-a ${line}`);
    assertEquals(code, 1, line);
    assertEquals(
      err.split("\n")[0],
      "ipoib: Option -a does not apply to this command (it is for commands that show all interfaces; -n NS selects the namespace of one)",
      line,
    );
  }
  assertEquals([calls, cli.ups], [[], []]);
});

Deno.test("-a with a name shows the interfaces of this name; without any, an error", async () => {
  await using cli = new CliFixture();
  assertEquals(await cli.run("-a"), {
    code: 3,
    out: "",
    err:
      "ipoib: No interface is running on this host (start one with ipoib up ib0)\n",
  });
  const calls = await cli.daemon("ib0", { children: ["ib0.8001"] });
  await cli.daemon("ib1", { netns: "blue" });
  assertEquals((await cli.run("-a neigh show ib0.8001")).code, 0);
  assertEquals(calls, [["neigh.show", { name: "ib0.8001" }]]);
  assertEquals((await cli.run("-a neigh show ib9")).code, 3);
});

Deno.test("without permission, what can be listed is listed, and the rest is reported", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  await cli.daemon("ib1");
  await cli.daemon("ib0", { netns: "blue" });
  {
    using _denied = deny("/netns", "/ib1.sock");
    const { code, out, err } = await cli.run("-a -br link");
    assertEquals(code, 2);
    assertEquals(out.match(/^ib\d /gm), ["ib0 "]);
    assertEquals(
      err,
      "ipoib: Permission denied on the control socket of ib1 (run the command as the user that owns the process, or as root)\n" +
        "ipoib: Permission denied on the interfaces of other network namespaces (run the command as root)\n",
    );
    const versions = await cli.run("version -a");
    assertEquals([versions.code, versions.err], [2, err]);
    assertEquals(versions.out.match(/^ib\d /gm), ["ib0 "]);
  }
  using _denied = deny(".sock", "/4026532281");
  const lines = ["link", "neigh", "get mode", "link show ib0"];
  for (const line of [...lines, "events", "monitor", "monitor ib0"]) {
    const { code, out, err } = await cli.run(line);
    assertEquals([code, out], [2, ""], line);
    assertStringIncludes(err, "Permission denied on the control socket of ib0");
  }
  for (const line of ["-n blue link", "-n blue monitor"]) {
    const { code, err } = await cli.run(line);
    assertEquals(code, 2);
    assertStringIncludes(err, "Permission denied on directory");
  }
});

Deno.test("monitor -a ends if it may list no interface", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { netns: "blue" });
  using _denied = deny("/netns");
  assertEquals(await cli.run("monitor -a"), {
    code: 2,
    out: "",
    err:
      "ipoib: Permission denied on the interfaces of other network namespaces (run the command as root)\n",
  });
});
