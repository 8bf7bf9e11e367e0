/**
 * Check of the counters that grew during the examination: drops by reason, errors of the port and of the device, and
 * limits of tables.
 */

import { type LinkRecord, RUNNING } from "../../ipc/schema.ts";
import type { CounterWindow, InterfaceFacts } from "../facts.ts";
import { type Meaning, meaningOf } from "./counter_meanings.ts";
import {
  type Check,
  failure,
  type Finding,
  ok,
  skipped,
  warning,
} from "../finding.ts";

/** Maximum number of counters that are named. */
const MAX_NAMED = 10;

export const counterChecks: readonly Check<InterfaceFacts>[] = [
  { name: "counters", run: counters },
];

function counters({ link, counters }: InterfaceFacts) {
  if (!("value" in counters)) return skipped(counters.why);
  const grown = growth(counters.value);
  const seconds = counters.value.seconds.toFixed(1);
  const found = grown.flatMap(([name, by]) => {
    const meaning = meaningOf(name, {
      isDrop: name in counters.value.after.drops,
      running: link.state === RUNNING,
    });
    return meaning ? [finding(name, by, meaning, link)] : [];
  });
  if (found.length === 0) {
    const total = Object.entries(link.drops).map(([name, n]) => `${name} ${n}`);
    return ok(
      `none of errors or drops grew in ${seconds} s`,
      total.length === 0 ? [] : [`drops since the start: ${total.join(", ")}`],
    );
  }
  const more = found.length - MAX_NAMED;
  return more <= 0 ? found : [
    ...found.slice(0, MAX_NAMED),
    warning(`${more} more counters grew`, `ipoib ethtool -S ${link.ifname}`),
  ];
}

function finding(
  name: string,
  by: number,
  { status, text, remedy }: Meaning,
  { ifname, hca: { subnet } }: LinkRecord,
): Finding {
  const make = status === "failure" ? failure : warning;
  const words = remedy.replace(
    / SUBNET\b/,
    subnet === undefined ? "" : ` ${subnet}`,
  );
  return make(
    `${text} (${name} +${by})`,
    words.replaceAll(/\bIF\b/g, ifname),
  );
}

/** Returns the counters that grew, and by how much. */
function growth({ before, after }: CounterWindow): [string, number][] {
  return (["drops", "counters"] as const).flatMap((kind) =>
    Object.entries(after[kind]).map(([name, value]): [string, number] => [
      name,
      value - (before[kind][name] ?? 0),
    ])
  ).filter(([, by]) => by > 0);
}
