/** The command `metrics` against fake processes. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { namesIn } from "../../e2e/harness/files.ts";
import { until } from "../../e2e/harness/until.ts";
import { CliFixture } from "../support.ts";
import { handlers } from "./support.ts";

Deno.test("metrics prints all interfaces of the namespace as OpenMetrics", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  await cli.daemon("ib7", { netns: "blue", handlers });
  const { code, out, err } = await cli.run("metrics");
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /# EOF\n$/);
  for (const name of ["ib0", "ib0.8003"]) {
    assertStringIncludes(
      out,
      `ipoib_receive_bytes_total{interface="${name}"} 3193\n`,
    );
  }
  assert(!out.includes("ib7"));
});

Deno.test("metrics -a has the namespace as a label, except of the initial one", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  await cli.daemon("ib0", { netns: "blue", handlers });
  const { out } = await cli.run("metrics -a --format prometheus");
  assertStringIncludes(out, 'ipoib_interface_running{interface="ib0"} 1\n');
  assertStringIncludes(
    out,
    'ipoib_interface_running{netns="blue",interface="ib0"} 1\n',
  );
});

Deno.test("an interface that does not answer has that metric only, and the others are shown", async () => {
  await using cli = new CliFixture();
  cli.replyLimitMs = 200;
  await cli.daemon("ib0", { handlers });
  cli.silent("ib1");
  const { code, out } = await cli.run("metrics");
  assertEquals(code, 0);
  assertStringIncludes(out, 'ipoib_interface_answers{interface="ib1"} 0\n');
  assertEquals(out.match(/interface="ib1"/g)!.length, 1);
  assertStringIncludes(out, 'ipoib_interface_answers{interface="ib0"} 1\n');
});

Deno.test("without interfaces, metrics describes the metrics", async () => {
  await using cli = new CliFixture();
  const { code, out } = await cli.run("metrics");
  assertEquals(code, 0);
  assertStringIncludes(out, "# TYPE ipoib_receive_bytes counter\n");
  const named = await cli.run("metrics ib4");
  assertEquals([named.code, named.out], [3, ""]);
  assertMatch(named.err, /^ipoib: ib4 is not running/);
});

Deno.test("--peers adds the traffic of peers", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", {
    handlers: {
      ...handlers,
      "neigh.show": () => [{
        ...{ dst: "10.0.0.2", dev: "ib0", lladdr: "80:..", state: ["STALE"] },
        gid: "fe80:0:0:0:2:c903:0:2",
        ...{ used: 0, confirmed: 0, updated: 0, probes: 0, queued: 0 },
        ...{ rx_bytes: 3, rx_packets: 1, tx_bytes: 4, tx_packets: 1 },
        round_trips: { counts: [2, 1, 0], sum_seconds: 0.5 },
      }],
    },
  });
  const without = await cli.run("metrics");
  assert(!without.out.includes("10.0.0.2"));
  const { out } = await cli.run("metrics --peers");
  const peer = 'interface="ib0",gid="fe80:0:0:0:2:c903:0:2",lladdr="80:.."';
  const labels = `{${peer}}`;
  assertStringIncludes(out, `ipoib_peer_receive_bytes_total${labels} 3\n`);
  assertStringIncludes(out, `ipoib_peer_round_trip_seconds_sum${labels} 0.5\n`);
  assertStringIncludes(out, `_bucket{${peer},le="1.0"} 3\n`);
  assertStringIncludes(
    out,
    `ipoib_peer_info{${peer},peer="10.0.0.2"} 1\n`,
  );
});

Deno.test("--textfile replaces a file at once, in the format of node_exporter", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/ipoib.prom`;
    await Deno.writeTextFile(path, "old");
    using before = await Deno.open(path);
    const { code, out } = await cli.run(["metrics", "--textfile", path]);
    assertEquals([code, out], [0, ""]);
    const text = await Deno.readTextFile(path);
    assertStringIncludes(text, "# TYPE ipoib_receive_bytes_total counter\n");
    assert(!text.includes("EOF"));
    // A reader that had opened the file still reads the old text.
    assertEquals(await new Response(before.readable).text(), "old");
    assertEquals(countIn(folder), 1);
    const failed = await cli.run(["metrics", "--textfile", `${folder}/a/b`]);
    assertEquals(failed.code, 2);
    assertMatch(
      failed.err,
      /^ipoib: Cannot write .*\/a\/b: No such file or directory\n$/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("--textfile follows no link in the folder, also not one that another user has prepared", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/ipoib.prom`;
    const other = `${folder}/other`;
    await Deno.writeTextFile(other, "mine", { mode: 0o600 });
    await Deno.symlink(other, path);
    await Deno.symlink(other, `${path}.${Deno.pid}`);
    const before = Deno.umask(0o077);
    try {
      const { code, err } = await cli.run(["metrics", "--textfile", path]);
      assertEquals([code, err], [0, ""]);
    } finally {
      Deno.umask(before);
    }
    assertEquals(await Deno.readTextFile(other), "mine");
    const { isFile, mode } = await Deno.lstat(path);
    assertEquals([isFile, mode! & 0o777], [true, 0o644]);
    assertEquals(countIn(folder), 3);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("--listen serves until a signal", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers });
  const folder = await Deno.makeTempDir();
  const path = `${folder}/metrics.sock`;
  const run = cli.run(["metrics", "--listen", `unix:${path}`]);
  {
    using connection = await until(
      "the server",
      () => Deno.connect({ transport: "unix", path }).catch(() => undefined),
    );
    await connection.write(
      new TextEncoder().encode("GET /metrics HTTP/1.0\r\n\r\n"),
    );
    const text = await new Response(connection.readable).text();
    assertStringIncludes(text, 'ipoib_interface_answers{interface="ib0"} 1');
  }
  cli.ending.resolve();
  const { code, out, err } = await run;
  assertEquals([code, out, err], [0, "", `Serving metrics at unix:${path}\n`]);
  await Deno.remove(folder);
});

Deno.test("options that exclude each other, and invalid addresses, are refused", async () => {
  await using cli = new CliFixture();
  for (
    const words of [
      "--listen 127.0.0.1:1 --textfile x",
      "--listen 127.0.0.1:1 --format prometheus",
      "--listen 9788",
      "--format xml",
    ]
  ) assertEquals((await cli.run(`metrics ${words}`)).code, 1, words);
});

Deno.test("--listen does not serve in the directory of control sockets, where each collection would ask the server itself", async () => {
  await using cli = new CliFixture();
  cli.ending.resolve();
  await cli.daemon("ib0", { netns: "blue" });
  const [namespace] = namesIn(`${cli.runtime}/netns`);
  const other = await Deno.makeTempDir();
  try {
    await Deno.symlink(cli.runtime, `${other}/run`);
    for (
      const path of [
        `${cli.runtime}/metrics.sock`,
        `${cli.runtime}/netns/${namespace}/ib0.sock`,
        `${other}/run/metrics.sock`,
      ]
    ) {
      assertEquals(await cli.run(["metrics", "--listen", `unix:${path}`]), {
        ...{ code: 1, out: "" },
        err:
          `ipoib: "${path}" is in the directory of control sockets (choose a path outside ${cli.runtime})\n` +
          "usage: ipoib metrics [options] [IF]\n",
      });
    }
  } finally {
    await Deno.remove(other, { recursive: true });
  }
});

function countIn(folder: string): number {
  return [...Deno.readDirSync(folder)].length;
}
