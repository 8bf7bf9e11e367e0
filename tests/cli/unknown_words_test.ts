/** Words that are no interface: the error says what else they might have been. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { CliFixture } from "./support.ts";

async function fixture(): Promise<CliFixture> {
  const cli = new CliFixture();
  await cli.daemon("ib0", { children: ["ib0.8001"] });
  return cli;
}

Deno.test("a word that is neither an interface nor what else the command takes is refused with the candidates", async () => {
  await using cli = await fixture();
  const here = "running here: ib0, ib0.8001";
  const cases: Record<string, string> = {
    "param foo":
      `foo is neither a running interface nor a parameter (parameters: send_queue_size, recv_queue_size, debug_level, mcast_debug_level, data_debug_level, log_level; ${here})`,
    "get foo":
      `foo is neither a running interface nor an attribute (attributes: mode, umcast, pkey, parent, mtu, dev_id, dev_port, create_child, delete_child, address, broadcast, addr_len; ${here})`,
    "get foo mode": `foo is not running (${here})`,
    "events lnk":
      `lnk is neither a running interface nor a kind of events (kinds: link, neigh, path, group, fabric, all; ${here})`,
    "monitor bogus":
      `bogus is neither a running interface nor a kind of events (kinds: link, neigh, path, group, fabric, all; ${here})`,
    "neigh show x": `x is not running (${here})`,
    "neigh flush x": `x is not running (${here})`,
    "link show foo": `foo is not running (${here})`,
    "param dev foo": `foo is not running (${here})`,
    "get dev foo mode": `foo is not running (${here})`,
    "events dev lnk": `lnk is not running (${here})`,
    "neigh show dev x": `x is not running (${here})`,
    "link show ib0.8001@ib0":
      "ib0.8001@ib0 is not running (the name of the interface is ib0.8001)",
  };
  for (const [line, message] of Object.entries(cases)) {
    assertEquals(
      await cli.run(line),
      { code: 3, out: "", err: `ipoib: ${message}\n` },
      line,
    );
  }
});

Deno.test("an interface that a killed process has left is named as such, whatever the word may be", async () => {
  await using cli = await fixture();
  cli.leftDevices.push("ib7");
  for (const line of ["param ib7", "get ib7", "events ib7"]) {
    const { code, err } = await cli.run(line);
    assertEquals(code, 3);
    assertStringIncludes(err, "ib7 is not running (its process has left");
  }
});

Deno.test("a list of many interfaces is shortened", async () => {
  await using cli = new CliFixture();
  const children = Array.from({ length: 20 }, (_, i) => `k${i + 10}`);
  await cli.daemon("ib0", { children });
  const { err } = await cli.run("link show foo");
  const names = ["ib0", ...children].slice(0, 16).join(", ");
  assertEquals(
    err,
    `ipoib: foo is not running (running here: ${names} and 5 more)\n`,
  );
});

Deno.test("parameters that only the driver has are refused with the reason", async () => {
  await using cli = await fixture();
  for (
    const line of [
      "param cm_data_debug_level",
      "param ib0 cm_data_debug_level",
      "param ib0 cm_data_debug_level 1",
    ]
  ) {
    assertEquals(await cli.run(line), {
      code: 2,
      out: "",
      err:
        "ipoib: cm_data_debug_level is a parameter of the driver only (data_debug_level also logs the packets of connections)\n",
    }, line);
  }
});

Deno.test("filters of ip link show and ip addr show are refused by name", async () => {
  await using cli = await fixture();
  for (const object of ["link", "addr"]) {
    for (const filter of ["up", "type", "scope"]) {
      const { code, err } = await cli.run(`${object} show ${filter}`);
      assertEquals([code, err.split("\n")[0]], [
        1,
        `ipoib: Filter "${filter}" of ip is not supported (ip itself has it)`,
      ], filter);
    }
  }
  await cli.daemon("up");
  assertEquals((await cli.run("link show up")).code, 0);
});

Deno.test("doctor says that a word is neither an interface nor an address", async () => {
  await using cli = await fixture();
  const { code, out } = await cli.run("-o doctor 1.2.3");
  assertEquals(code, 5);
  assertStringIncludes(
    out,
    "1.2.3 is neither a running interface nor an IP address",
  );
});

Deno.test("neigh show selects by address, prefix and state, as ip does", async () => {
  await using cli = await fixture();
  const cases: Record<string, string[]> = {
    "10.0.0.2": ["10.0.0.2"],
    "to 10.0.0.9": ["10.0.0.9"],
    "10.0.0.0/30 dev ib0": ["10.0.0.2"],
    "ib0 to 10.0.0.0/24": ["10.0.0.2", "10.0.0.9"],
    "all": ["10.0.0.2", "10.0.0.9"],
    "fe80::/10": [],
    "nud incomplete": ["10.0.0.9"],
    "nud reachable nud incomplete": ["10.0.0.2", "10.0.0.9"],
    "nud all": ["10.0.0.2", "10.0.0.9"],
    "10.0.0.2 nud stale": [],
  };
  for (const [words, expected] of Object.entries(cases)) {
    const { code, out, err } = await cli.run(`-j neigh show ${words}`);
    assertEquals([code, err], [0, ""], words);
    assertEquals(
      JSON.parse(out).map(({ dst }: { dst: string }) => dst),
      expected,
      words,
    );
  }
});

Deno.test("neigh flush takes a prefix, all and a state", async () => {
  await using cli = new CliFixture();
  const calls = await cli.daemon("ib0");
  const cases: Record<string, string[]> = {
    "all": ["10.0.0.2", "10.0.0.9"],
    "to 10.0.0.0/30": ["10.0.0.2"],
    "nud incomplete dev ib0": ["10.0.0.9"],
    "10.0.0.9": ["10.0.0.9"],
  };
  for (const [words, expected] of Object.entries(cases)) {
    calls.length = 0;
    const { code, err } = await cli.run(`neigh flush ${words}`);
    assertEquals([code, err], [0, ""], words);
    assertEquals(
      calls.filter(([method]) => method === "neigh.flush")
        .map(([, params]) => params),
      expected.map((dst) => ({ name: "ib0", dst })),
      words,
    );
  }
});

Deno.test("invalid words of neigh show and flush are refused", async () => {
  await using cli = await fixture();
  const cases: Record<string, string> = {
    "to": `Argument "to" requires a value`,
    "to x": `"x" is not an IP address or a prefix`,
    "to 10.0.0.2/33": `"10.0.0.2/33" is not an IP address or a prefix`,
    "10.0.0.2 10.0.0.3": `Unexpected argument "10.0.0.3"`,
    "ib0 ib1":
      `Unexpected argument "ib1" (expected [[dev] IF] [[to] PREFIX] [nud STATE])`,
    "nud noarp":
      `State "noarp" is not valid (all, incomplete, reachable, stale, delay, probe, failed, permanent)`,
  };
  for (const [words, message] of Object.entries(cases)) {
    for (const command of ["show", "flush"]) {
      const { code, err } = await cli.run(`neigh ${command} ${words}`);
      assertEquals([code, err.split("\n")[0]], [1, `ipoib: ${message}`], words);
    }
  }
});
