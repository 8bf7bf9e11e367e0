/** A command uses one connection per process, for any number of calls. */

import { assertEquals } from "@std/assert";
import type { Handlers } from "../../src/ipc/server.ts";
import * as records from "../ipc/records.ts";
import { CliFixture } from "./support.ts";

const faults = { version: 1, rules: [], waiting: [] };
const subnetHandlers: Handlers = {
  "subnet.fault.show": () => faults,
  "subnet.fault.set": () => faults,
  "subnet.port": () => ({}),
  "subnet.reload": () => ({ partitions: 1, ports: 0, warnings: [] }),
};

/** Runs a command line. Returns the number of connections to each socket, by its path in the runtime directory. */
async function connections(
  cli: CliFixture,
  line: string,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const { connect } = Deno;
  Deno.connect = ((options: Deno.UnixConnectOptions) => {
    const socket = options.path.slice(cli.runtime.length + 1);
    counts[socket] = (counts[socket] ?? 0) + 1;
    return connect(options);
  }) as typeof connect;
  try {
    await cli.run(line);
  } finally {
    Deno.connect = connect;
  }
  return counts;
}

Deno.test("a command for an interface connects once, with or without an interface name", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { children: ["ib0.8001"] });
  for (
    const line of [
      "link show",
      "neigh show",
      "neigh flush",
      "child list",
      "child create 0x8001",
      "get mode",
      "link set up",
      "down",
    ]
  ) {
    assertEquals(await connections(cli, line), { "ib0.sock": 1 }, line);
    if (line === "down") await cli.daemon("ib0");
  }
  assertEquals(await connections(cli, "link show ib0"), { "ib0.sock": 1 });
  assertEquals(await connections(cli, "ethtool ib0"), { "ib0.sock": 1 });
  assertEquals(await connections(cli, "ethtool"), {
    "ib0.sock": 1,
    "ib0.8001.sock": 1,
  });
  assertEquals(await connections(cli, "neigh del 10.0.0.2 dev ib0"), {
    "ib0.sock": 1,
  });
});

Deno.test("a command connects once to each candidate process", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  await cli.daemon("ib1");
  const both = { "ib0.sock": 1, "ib1.sock": 1 };
  assertEquals(await connections(cli, "link show"), both);
  assertEquals(await connections(cli, "link show ib7"), {
    ...both,
    "ib7.sock": 1,
  });
  // Once for the subnet, because no manager answers, and once for the namespaces of the ports.
  assertEquals(await connections(cli, "subnet show lab"), {
    ...{ "ib0.sock": 2, "ib1.sock": 2 },
    "subnet/lab/control.sock": 1,
  });
});

Deno.test("a command for a subnet connects once to its manager, and once to an interface whose name is ambiguous", async () => {
  await using cli = new CliFixture();
  const ports = records.subnet.ports.map((port) => ({ ...port, name: "ib0" }));
  await cli.subnet("lab", {
    ...subnetHandlers,
    "subnet.show": () => ({ ...records.subnet, ports }),
  });
  await cli.daemon("ib0");
  const manager = { "subnet/lab/control.sock": 1 };
  // The namespace of the port is asked for too.
  assertEquals(await connections(cli, "subnet show"), {
    ...manager,
    "ib0.sock": 1,
  });
  for (
    const line of [
      "subnet reload",
      "subnet fault",
      "subnet fault set drop 1%",
      "subnet fault port 0x0002 down",
    ]
  ) {
    assertEquals(await connections(cli, line), manager, line);
  }
  assertEquals(await connections(cli, "subnet fault port ib0 down"), {
    ...manager,
    "ib0.sock": 1,
  });
});
