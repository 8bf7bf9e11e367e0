/**
 * Output of `doctor`: a section for the host, each interface, subnet and peer, with a line for each check. Long texts are
 * wrapped, so that the output fits 80 columns; with `-o` and `-br` each finding is one line.
 */

import { printable } from "../../base/printable.ts";
import type { NamedFinding } from "../../doctor/examine.ts";
import type { Status } from "../../doctor/finding.ts";
import { padded, type Palette, type Style } from "./style.ts";

/** The findings about one subject. */
export interface Section {
  /** `host`, `ib0`, `subnet default`, `peer 10.0.0.2`. */
  readonly title: string;
  readonly findings: readonly NamedFinding[];
}

const WIDTH = 80;
const INDENT = "  ";
const STATUS_WIDTH = 9;
const CHECK_WIDTH = 16;
/** Column of the texts. */
const TEXT_AT = INDENT.length + STATUS_WIDTH + CHECK_WIDTH;
const STATUSES: readonly Status[] = ["ok", "warning", "failure", "skipped"];

/** Formats the sections and the numbers of findings by status. */
export function renderDoctor(sections: Section[], style: Style): string {
  const text = sections.map(({ title, findings }) =>
    style.brief || style.oneline
      ? findings.map((each) => oneLine(title, each, style)).join("")
      : `${style.palette.name(title)}\n${
        combined(findings).map((each) => full(each, style)).join("")
      }`
  ).join("");
  return `${text}${totals(sections)}\n`;
}

function totals(sections: readonly Section[]): string {
  const all = sections.flatMap(({ findings }) => findings);
  return STATUSES.map((status) => {
    const count = all.filter((each) => each.status === status).length;
    const plural = count !== 1 &&
      (status === "warning" || status === "failure");
    return `${count} ${status}${plural ? "s" : ""}`;
  }).join(", ");
}

/** Combines the checks that were skipped for the same reason into one finding, at the place of the first. */
function combined(findings: readonly NamedFinding[]): NamedFinding[] {
  return findings.flatMap((finding, i) => {
    if (finding.status !== "skipped") return [finding];
    const same = findings.filter(({ status, text }) =>
      status === "skipped" && text === finding.text
    );
    if (same.length === 1) return [finding];
    if (findings.indexOf(same[0]!) !== i) return [];
    const names = same.map(({ check }) => check).join(", ");
    return [{
      ...finding,
      check: `${same.length} checks`,
      text: `${finding.text}: ${names}`,
    }];
  });
}

function full(finding: NamedFinding, style: Style): string {
  const { status, check, text, remedy, details = [] } = finding;
  const lines = [
    ...wrap(text),
    ...remedy === undefined ? [] : wrap(`-> ${remedy}`),
    ...style.details ? details.flatMap(wrap) : [],
  ];
  const [first = "", ...others] = lines;
  const head = `${INDENT}${
    padded(status, STATUS_WIDTH, color(status, style.palette))
  }${check.padEnd(CHECK_WIDTH)}${first}`;
  return [head, ...others.map((line) => " ".repeat(TEXT_AT) + line)]
    .map((line) => `${line}\n`).join("");
}

function oneLine(
  title: string,
  { status, check, text, remedy }: NamedFinding,
  { palette }: Style,
): string {
  const words = printable(
    remedy === undefined ? text : `${text} -> ${remedy}`,
  );
  return `${color(status, palette)(status)} ${
    palette.name(title)
  } ${check}: ${words}\n`;
}

function color(
  status: Status,
  { good, bad, caution }: Palette,
): (text: string) => string {
  switch (status) {
    case "ok":
      return good;
    case "failure":
      return bad;
    case "warning":
      return caution;
    case "skipped":
      return (text) => text;
  }
}

/** Splits a text at spaces into lines that fit behind the columns. A longer word has its own line. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of printable(text).split(" ")) {
    if (line === "") line = word;
    else if (line.length + 1 + word.length <= WIDTH - TEXT_AT) {
      line += ` ${word}`;
    } else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}
