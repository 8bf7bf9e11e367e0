/** `subnet fault show`: the rules, one a line, in the words that set them. */

import { hex } from "../../base/hex.ts";
import type { FaultRecord, SubnetRecord } from "../../ipc/schema.ts";
import type { Style } from "./style.ts";

type Rule = FaultRecord["rules"][number];

export function renderFaults(
  { rules, waiting }: FaultRecord,
  { ports }: Pick<SubnetRecord, "ports">,
  { palette }: Style,
): string {
  if (rules.length === 0) return "no faults\n";
  const lines = rules.map((rule) => {
    const port = ports.find(({ guid }) => guid === rule.port);
    const which = rule.port === undefined
      ? "all ports"
      : port === undefined
      ? `port ${rule.port}`
      : `port ${palette.name(port.name)} lid ${
        hex(port.lid)
      } guid ${rule.port}`;
    return `${which}: ${ruleWords(rule)}\n`;
  });
  return lines.join("") + renderWaiting(waiting);
}

/** What a rule was set with. */
export function ruleWords(rule: Rule): string {
  const words: string[] = [];
  const add = (word: string, value: number | undefined, unit: string) => {
    if (value !== undefined) words.push(`${word} ${value}${unit}`);
  };
  add("drop", rule.drop, "%");
  add("delay", rule.delay, "ms");
  add("jitter", rule.jitter, "ms");
  add("duplicate", rule.duplicate, "%");
  add("reorder", rule.reorder, "%");
  add("rate", rule.rate, "mbit");
  add("seed", rule.seed, "");
  return words.join(" ");
}

/** Ports that did not answer. */
export function renderWaiting(waiting: FaultRecord["waiting"]): string {
  if (waiting.length === 0) return "";
  const ports = waiting.map(({ name, lid }) => `${name} (lid ${hex(lid)})`);
  return `not taken yet by ${ports.join(", ")}\n`;
}
