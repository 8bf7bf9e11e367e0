/** Output of `subnet fault show`: one rule per line, as its port and the arguments of `subnet fault set`. */

import { hex } from "../../base/hex.ts";
import {
  type FaultRecord,
  ruleWords,
  type SubnetRecord,
} from "../../ipc/schema.ts";
import type { Style } from "./style.ts";

/** Formats the rules, followed by the ports that have not applied them; "no faults" if there are no rules. */
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

/** Formats the list of ports that have not applied the rules; returns an empty text if there are none. */
export function renderWaiting(waiting: FaultRecord["waiting"]): string {
  if (waiting.length === 0) return "";
  const ports = waiting.map(({ name, lid }) => `${name} (lid ${hex(lid)})`);
  return `not yet applied by ${ports.join(", ")}\n`;
}
