/** The Grafana dashboard shows metrics that exist. */

import { assert, assertEquals } from "@std/assert";
import { sampleName } from "../../../src/cli/metrics/exposition.ts";
import { interfaceFamilies } from "../../../src/cli/metrics/interface_metrics.ts";
import { dashboardQueries, readDashboard } from "./dashboard.ts";

Deno.test("every metric in a query of the dashboard exists", () => {
  const names = new Set([
    "ipoib_interface_answers",
    ...interfaceFamilies([]).flatMap((family) => {
      const name = sampleName(family);
      return family.type === "histogram"
        ? ["_bucket", "_sum", "_count"].map((suffix) => name + suffix)
        : [name];
    }),
  ]);
  const { templating } = readDashboard();
  const texts = [
    ...dashboardQueries().map(({ expr }) => expr),
    ...templating.list.map(({ query }) => query),
  ];
  const used = texts.flatMap((text) => text.match(/\bipoib_\w+/g) ?? []);
  assert(used.length > 20);
  assertEquals(used.filter((name) => !names.has(name)), []);
});

Deno.test("every variable in a query is replaced", () => {
  for (const { title, expr } of dashboardQueries()) {
    assert(!expr.includes("$"), `${title}: ${expr}`);
  }
});
