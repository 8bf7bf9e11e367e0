/** Metrics as text. */

import { assertEquals } from "@std/assert";
import {
  exposition,
  type Family,
} from "../../../src/cli/metrics/exposition.ts";

const FAMILIES: Family[] = [
  {
    name: "x_bytes",
    type: "counter",
    unit: "bytes",
    help: 'A "quoted" \\ text.',
    samples: [{ labels: { a: 'b"\\\n', empty: "" }, value: 3 }],
  },
  {
    name: "x",
    type: "info",
    help: "Info.",
    samples: [{ labels: {}, value: 1 }],
  },
  {
    name: "x_seconds",
    type: "histogram",
    help: "Times.",
    samples: [
      { suffix: "_bucket", labels: { le: "+Inf" }, value: 1 },
      { suffix: "_sum", labels: {}, value: 0.25 },
    ],
  },
];

Deno.test("OpenMetrics has counter families without suffix, units, and an end", () => {
  assertEquals(
    exposition(FAMILIES, "openmetrics"),
    `# HELP x_bytes A \\"quoted\\" \\\\ text.
# TYPE x_bytes counter
# UNIT x_bytes bytes
x_bytes_total{a="b\\"\\\\\\n"} 3
# HELP x Info.
# TYPE x info
x_info 1
# HELP x_seconds Times.
# TYPE x_seconds histogram
x_seconds_bucket{le="+Inf"} 1
x_seconds_sum 0.25
# EOF
`,
  );
});

Deno.test("the format of Prometheus has counter families with suffix, and no unit", () => {
  assertEquals(
    exposition(FAMILIES, "prometheus"),
    `# HELP x_bytes_total A "quoted" \\\\ text.
# TYPE x_bytes_total counter
x_bytes_total{a="b\\"\\\\\\n"} 3
# HELP x_info Info.
# TYPE x_info gauge
x_info 1
# HELP x_seconds Times.
# TYPE x_seconds histogram
x_seconds_bucket{le="+Inf"} 1
x_seconds_sum 0.25
`,
  );
});
