/**
 * Metric families as text, in OpenMetrics 1.0 or in the text format of Prometheus 0.0.4.
 *
 * The two differ in the metadata: a counter family is named without `_total` in OpenMetrics, and with it in the older
 * format; only OpenMetrics has units, the type `info`, and an end marker. The samples are the same. The textfile
 * collector of node_exporter and `promtool check metrics` read the older format only.
 */

/** Labels of a sample, by name. A label with an empty value is omitted, which is the same to Prometheus. */
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  /** `_bucket`, `_sum` and `_count` of a histogram. */
  readonly suffix?: string;
  readonly labels: Labels;
  readonly value: number;
}

export interface Family {
  /** Name without `_total` and `_info`. If there is a unit, it is the end of the name. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "info";
  readonly unit?: "bytes" | "seconds";
  /** One sentence. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

export const FORMATS = ["openmetrics", "prometheus"] as const;
export type Format = typeof FORMATS[number];

/** Media types (OpenMetrics 1.0; Prometheus exposition formats). */
export const MEDIA_TYPES: Readonly<Record<Format, string>> = {
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
};

/** Suffix of the samples of a type. */
const SUFFIXES: Readonly<Partial<Record<Family["type"], string>>> = {
  counter: "_total",
  info: "_info",
};

/** Formats families as a whole exposition. */
export function exposition(families: readonly Family[], format: Format) {
  const text = families.map((family) => familyText(family, format)).join("");
  return format === "openmetrics" ? `${text}# EOF\n` : text;
}

/** Returns the name of the samples of a family, without the suffixes of a histogram. */
export function sampleName({ name, type }: Pick<Family, "name" | "type">) {
  return name + (SUFFIXES[type] ?? "");
}

function familyText(family: Family, format: Format): string {
  const { type, unit, help, samples } = family;
  const open = format === "openmetrics";
  const name = open ? family.name : sampleName(family);
  const shownType = type === "info" && !open ? "gauge" : type;
  return [
    `# HELP ${name} ${escaped(help, open)}\n`,
    `# TYPE ${name} ${shownType}\n`,
    ...(open && unit !== undefined ? [`# UNIT ${name} ${unit}\n`] : []),
    ...samples.map(({ suffix = "", labels, value }) =>
      `${sampleName(family)}${suffix}${labelText(labels)} ${value}\n`
    ),
  ].join("");
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}="${escaped(value, true)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(text: string, quotes: boolean): string {
  const once = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return quotes ? once.replaceAll('"', '\\"') : once;
}
