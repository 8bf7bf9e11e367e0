/** Traffic of peers and groups, and metrics for Prometheus. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { programCommand } from "../../scripts/program.ts";
import { fullForm } from "../../scripts/test/form.ts";
import { peersAmong } from "../../src/cli/peers.ts";
import type { TrafficRecord } from "../../src/ipc/schema.ts";
import { dashboardQueries } from "../cli/metrics/dashboard.ts";
import {
  type Host,
  iperf,
  iperfServer,
  labTest,
  run,
  until,
} from "./harness/mod.ts";

/** Traffic of all peers and groups, and the counters of the interface at the same time. */
interface Traffic {
  readonly peers: TrafficRecord;
  readonly groups: TrafficRecord;
  readonly counters: Record<string, number>;
}

/** Returns the traffic of a host at a moment when none of its counters changes. */
async function quietTraffic(host: Host): Promise<Traffic> {
  return await until(`no packet of ${host.namespace}`, async () => {
    const before = await packetCounters(host);
    const peers = sum(peersAmong(await host.call("neigh.show", {})));
    const groups = sum(await host.call("mcg.show", {}));
    const counters = await packetCounters(host);
    const quiet = JSON.stringify(before) === JSON.stringify(counters);
    return quiet && { peers, groups, counters };
  });
}

async function packetCounters(host: Host): Promise<Record<string, number>> {
  const [stats] = await host.call("stats", { name: "ib0" });
  const { stats64: { rx, tx }, counters } = stats!;
  return {
    "tx_packets": tx.packets,
    "tx_bytes": tx.bytes,
    "rx_bytes": rx.bytes,
    received: counters.rx_received! - counters.rx_echoes!,
  };
}

function sum(records: readonly TrafficRecord[]): TrafficRecord {
  const total = (name: keyof TrafficRecord) =>
    records.reduce((all, record) => all + (record[name] ?? 0), 0);
  return {
    "rx_packets": total("rx_packets"),
    "rx_bytes": total("rx_bytes"),
    "tx_packets": total("tx_packets"),
    "tx_bytes": total("tx_bytes"),
  };
}

/** Checks that what a host sends to and receives from its peers and groups is what its interface sends and receives. */
async function checkSums(host: Host): Promise<void> {
  const { peers, groups, counters } = await quietTraffic(host);
  assertEquals(
    [
      peers.tx_packets! + groups.tx_packets!,
      peers.tx_bytes! + groups.tx_bytes!,
    ],
    [counters.tx_packets, counters.tx_bytes],
    `packets and bytes sent by ${host.namespace}`,
  );
  // A host's first multicast packets precede its path, by which its packets are known.
  const unknown = counters.received! - peers.rx_packets!;
  assertGreaterOrEqual(unknown, 0);
  assert(unknown < 40, `${unknown} packets are of no peer`);
}

for (const mode of ["datagram", "connected"]) {
  labTest(
    `The packets of all peers and groups add up to those of the interface, ${mode} mode`,
    async (lab) => {
      const [a, b, c] = await lab.running(3, ["--mode", mode]);
      await iperfServer(b);
      assertGreater((await iperf(a, b.address)).received, 1e6);
      assertEquals(await a.ping(c), { sent: 5, received: 5 });
      assertEquals(await c.ping(b, { size: 1000 }), { sent: 5, received: 5 });
      for (const host of [a, b, c]) await checkSums(host);
      const { stdout } = await a.ipoib("-s", "neigh");
      const traffic =
        "rx \\d+ bytes \\d+ packets tx \\d+ bytes \\d+ packets seen .*s";
      assertMatch(stdout, new RegExp(`^${b.address} .* ${traffic}`, "m"));
    },
  );
}

labTest(
  "The time from the kernel's unicast probe to the reply is measured",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await a.ping(b);
    await until("a round trip", async () => {
      const words = [
        "neigh",
        "change",
        b.address,
        "dev",
        "ib0",
        "nud",
        "probe",
      ];
      await a.ip(...words);
      const { stdout } = await a.ipoib("-s", "neigh");
      return / rtt \d+\.\d{3}ms/.test(stdout);
    });
    const { stdout } = await a.ipoib("metrics");
    assertMatch(
      stdout,
      /^ipoib_neighbour_round_trip_seconds_count\{interface="ib0"\} [1-9]/m,
    );
  },
);

labTest(
  "promtool accepts the metrics of several namespaces, and of a stopped process",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await a.ping(b);
    const check = async () => {
      const words = ["metrics", "-a", "--peers", "--format", "prometheus"];
      const { code, stdout, stderr } = await lab.ipoib(...words);
      assertEquals([code, stderr], [0, ""]);
      const lint = await run(["promtool", "check", "metrics"], {
        stdin: stdout,
      });
      assertEquals([lint.code, lint.stdout + lint.stderr], [0, ""]);
      return stdout;
    };
    const text = await check();
    for (const { namespace } of [a, b]) {
      const labels = `{netns="${namespace}",interface="ib0"}`;
      assertStringIncludes(text, `\nipoib_interface_running${labels} 1\n`);
    }
    assertStringIncludes(text, `peer="${b.address}"`);
    b.daemon.kill("SIGSTOP");
    try {
      const answers = `ipoib_interface_answers{netns="${b.namespace}"`;
      assertStringIncludes(await check(), `${answers},interface="ib0"} 0\n`);
    } finally {
      b.daemon.kill("SIGCONT");
    }
  },
);

labTest(
  "A picture of the subnet is well-formed XML",
  async (lab) => {
    const [a] = await lab.running(2);
    const picture = await a.ipoib("subnet", "show", "--svg");
    assertEquals([picture.code, picture.stderr], [0, ""]);
    const checked = await run(["xmllint", "--noout", "-"], {
      stdin: picture.stdout,
    });
    assertEquals([checked.code, checked.stderr], [0, ""]);
    assertStringIncludes(picture.stdout, `>${a.namespace}/ib0<`);
  },
);

/** The query of docs/metrics.md that adds a label. */
const DOCUMENTED = {
  title: "docs/metrics.md",
  expr:
    "rate(ipoib_receive_bytes_total[5m]) * on (instance, netns, interface) " +
    "group_left (pkey) ipoib_interface_info",
};
const PROMETHEUS = 19_791;
const METRICS = 19_788;
/** Interval of the scrapes, and time limit of each. */
const SCRAPE_S = Math.ceil(patient(1));
const RANGE = `${60 * SCRAPE_S}s`;

const withPrometheus = fullForm(
  "Prometheus scrapes the metrics and answers the queries of the dashboard",
);

labTest(
  withPrometheus.name,
  async (lab) => {
    const [a, b] = await lab.running(2);
    const server = lab.start([
      ...programCommand(),
      ...["metrics", "-a", "--listen", `127.0.0.1:${METRICS}`],
    ]);
    await server.prints(/Serving metrics at/);
    const folder = `${lab.runtime}/prometheus`;
    await Deno.mkdir(folder);
    await Deno.writeTextFile(
      `${folder}/prometheus.yml`,
      `global: {scrape_interval: ${SCRAPE_S}s, scrape_timeout: ${SCRAPE_S}s}
scrape_configs:
  - job_name: ipoib
    static_configs: [{targets: ["127.0.0.1:${METRICS}"]}]
`,
    );
    lab.start([
      ...["prometheus", `--config.file=${folder}/prometheus.yml`],
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${PROMETHEUS}`,
    ]);
    const query = async (expr: string) => {
      const url = `http://127.0.0.1:${PROMETHEUS}/api/v1/query?query=`;
      const reply = await fetch(url + encodeURIComponent(expr));
      return await reply.json();
    };
    const samples = `count_over_time(ipoib_interface_running[${RANGE}]) > 5`;
    await until("six scrapes", async () => {
      await a.ping(b);
      const { data } = await query(samples).catch(() => ({}));
      return data?.result?.length > 0;
    }, 60_000);
    for (const { title, expr } of [...dashboardQueries(RANGE), DOCUMENTED]) {
      const { status, error, data } = await query(expr);
      assertEquals(
        [status, error],
        ["success", undefined],
        `${title}: ${expr}`,
      );
      // Nothing is dropped.
      const mayBeEmpty = expr.endsWith("> 0");
      assert(data.result.length > 0 || mayBeEmpty, `${title}: ${expr}`);
    }
    // Prometheus has negotiated OpenMetrics.
    const [info] = (await query("ipoib_info")).data.result;
    assert(info.metric.version);
    server.kill("SIGTERM");
    await until("the end of the server", () => server.ended);
    assertEquals(server.code, 0);
  },
  withPrometheus,
);
