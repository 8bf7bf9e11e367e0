/** The words that complete a command line, with fake processes. */

import { assert, assertEquals } from "@std/assert";
import * as records from "../../ipc/records.ts";
import { CliFixture } from "../support.ts";

/** Returns the words that complete `line`, after `ipoib `. */
async function wordsAfter(cli: CliFixture, line: string): Promise<string[]> {
  const { code, out, err } = await cli.run([
    "__complete",
    "fish",
    ...line.split(" "),
  ]);
  assertEquals([code, err], [0, ""], line);
  return out.split("\n").slice(0, -1).map((each) => each.split("\t")[0]!);
}

/** Expects words for each line. */
async function assertWords(
  cli: CliFixture,
  expected: Record<string, string>,
): Promise<void> {
  for (const [line, words] of Object.entries(expected)) {
    assertEquals((await wordsAfter(cli, line)).join(" "), words, line);
  }
}

Deno.test("objects, commands and options complete, after abbreviations too", async () => {
  await using cli = new CliFixture();
  await assertWords(cli, {
    "lin": "link",
    "l s": "show set",
    "l -d s": "show set",
    "-br nei f": "flush",
    "subnet": "subnet",
    "subnet re": "reload",
    "up --ba": "--background",
    "link show --js": "--json",
    "subnet --d": "--dot --details",
    "link --he": "--help",
    "ethtool -C": "-C",
    "ethtool --show-f": "--show-features",
    "help exit": "exit-status",
    "help link sho": "show",
    "completions f": "fish",
  });
});

Deno.test("nothing completes a line with an unknown or ambiguous word, and nothing is printed about it", async () => {
  await using cli = new CliFixture();
  await assertWords(cli, {
    "lnik ": "",
    "link sow ": "",
    "d ": "",
    "-resolve l": "",
    "link show ib0 ": "",
    "-- up --ba": "",
  });
});

Deno.test("values of options complete: their choices, and what their placeholder stands for", async () => {
  await using cli = new CliFixture();
  await cli.subnet("lab");
  cli.ports = [{ device: "mlx5_0", port: 1 }, { device: "mlx5_0", port: 2 }];
  await assertWords(cli, {
    "up --mode ": "datagram connected",
    "up --log wa": "warning",
    "up --log=wa": "--log=warning",
    "--color=a": "--color=always --color=auto",
    "-n ": "blue green",
    "link show -n gr": "green",
    "up --hca ": "mlx5_0/1 mlx5_0/2 soft soft:lab",
    "up --subnet-mtu 4": "4096",
    "subnet reload ": "lab",
  });
});

Deno.test("the value of --partitions is the name of a file, which the shell completes", async () => {
  await using cli = new CliFixture();
  for (const line of [["--partitions", ""], ["--partitions=/et"]]) {
    const words = ["__complete", "fish", "subnet", "run", ...line];
    assertEquals(await cli.run(words), { code: 1, out: "", err: "" });
  }
});

Deno.test("interfaces of the namespace complete, with and without dev", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { children: ["ib0.8001"] });
  await cli.daemon("ib7", { netns: "blue" });
  await assertWords(cli, {
    "link show ": "ib0 ib0.8001",
    "l sh dev ib0.": "ib0.8001",
    "link show -n blue ": "ib7",
    "-n blue mcg show ": "ib7",
    "down ": "ib0 ib0.8001",
    "link del ": "ib0.8001 dev",
    "child list --parent ": "ib0 ib0.8001",
    "link set i": "ib0 ib0.8001",
    "ethtool -K ": "ib0 ib0.8001",
  });
});

Deno.test("the arguments of commands complete by their grammar", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0");
  await assertWords(cli, {
    "link set ib0 m": "mtu mode multicast",
    "link set ib0 mode ": "datagram connected default dormant",
    "link set ib0 mtu ": "",
    "link set ib0 mtu 2044 m": "mode multicast",
    "l set ib0 addrg e": "eui64",
    "link set ib0 netns ": "blue green",
    "down --p": "--pid --pretty",
    "subnet show lab ": "--dot --svg",
    "link add link ": "ib0",
    "link add link ib0 name x type ": "ipoib",
    "link add link ib0 name x type ipoib m": "mode",
    "param ib0 deb": "debug_level",
    "param debug_level ": "0 1",
    "get ib0 cr": "create_child",
    "set mode ": "datagram connected",
    "set dev ib0 mode c": "connected",
    "neigh flush ib0 ": "dev to nud",
    "ethtool ib0 --dr": "--driver",
    "ethtool -C ib0 ": "rx-usecs rx-frames adaptive-rx",
    "ethtool -C ib0 adaptive-rx ": "on off",
    "ethtool ib0 -G r": "rx",
    "monitor ": "ib0 link neigh path group fabric all dev",
    "mon link ne": "neigh",
    "events ib0 --since 3h pa": "path",
    "subnet fault ": "show set clear port kill-manager",
    "subnet fault lab cl": "clear",
    "subnet fault set drop 5% j": "jitter",
  });
});

Deno.test("P_Keys, neighbours, features and ports come from the processes", async () => {
  await using cli = new CliFixture();
  const features = ["tx-tcp-segmentation", "rx-lro"].map((name, at) => ({
    name,
    active: true,
    fixed: at === 1,
    requested: true,
  }));
  await cli.daemon("ib0", { handlers: { features: () => features } });
  await cli.subnet("lab");
  const { hca } = records.link;
  const port = records.subnet.ports.find(({ lid }) => lid === hca.lid);
  const partitions = port?.pkeys.map((pkey) =>
    `0x${(pkey | 0x8000).toString(16)}`
  );
  const words = {
    "child create ": [...new Set(partitions)].sort(),
    "link add link ib0 name x type ipoib pkey ": [...new Set(partitions)]
      .sort(),
    "child delete ": [records.child.pkey],
    "neigh del ": [...new Set(records.neighbours.map(({ dst }) => dst))],
    "neigh flush to ": [...new Set(records.neighbours.map(({ dst }) => dst))],
    "ethtool -K ib0 ": ["tso", "tx-tcp-segmentation"],
  };
  for (const [line, expected] of Object.entries(words)) {
    assert(expected.length > 0, line);
    assertEquals(await wordsAfter(cli, line), expected, line);
  }
  assertEquals(
    await wordsAfter(cli, "subnet fault port ib"),
    records.subnet.ports.map(({ name }) => name),
  );
  cli.pkeys = [0xffff, 0x0001];
  assertEquals(await wordsAfter(cli, "child create "), ["0x8001", "0xffff"]);
});

Deno.test("a process that does not answer has no words, and no others are lost", async () => {
  await using cli = new CliFixture();
  cli.silent("ib3");
  await cli.daemon("ib0");
  assertEquals(await wordsAfter(cli, "link show "), ["ib0", "ib3"]);
  assertEquals(await wordsAfter(cli, "child delete "), [records.child.pkey]);
});

Deno.test("bash gets what follows the last of its word breaks", async () => {
  await using cli = new CliFixture();
  const dst = "fe80::211:22ff:fe33:4455";
  await cli.daemon("ib0", {
    handlers: { "neigh.show": () => [{ ...records.neighbours[0]!, dst }] },
  });
  const ask = async (line: string) =>
    (await cli.run(["__complete", "bash", " =:", `ipoib ${line}`])).out;
  assertEquals(await ask("up --log=wa"), "warning\n");
  assertEquals(await ask("link sh"), "show\n");
  assertEquals(await ask("link set ib0 alias 'a b' mt"), "mtu\n");
  assertEquals(await ask("neigh del fe80::211:22"), "22ff:fe33:4455\n");
});

Deno.test("words that a shell would interpret are not offered", async () => {
  await using cli = new CliFixture();
  await Deno.writeTextFile(`${cli.runtime}/a;b.sock`, "");
  await Deno.writeTextFile(`${cli.runtime}/ib0.sock`, "");
  assertEquals(await wordsAfter(cli, "link show "), ["ib0"]);
});

Deno.test("an unknown shell is refused without output", async () => {
  await using cli = new CliFixture();
  assertEquals(await cli.run("__complete csh link"), {
    code: 1,
    out: "",
    err: "",
  });
});
