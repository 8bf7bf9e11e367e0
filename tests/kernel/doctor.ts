/** `ipoib doctor` in a guest. */

import type { Guest } from "../../scripts/rig/guest.ts";

/** The fields of a finding that tests use. */
interface Finding {
  readonly check: string;
  readonly status: "ok" | "warning" | "failure" | "skipped";
  readonly text: string;
}

/** What doctor has found. */
export interface Examination {
  readonly code: number;
  /** Names of the checks that found nothing wrong. */
  readonly ok: readonly string[];
  /** The other findings, as lines `STATUS CHECK: TEXT`. */
  readonly rest: readonly string[];
}

/** @param command the command: `doctor` and its operands, or a script that runs it with option `-j` */
export async function examine(
  guest: Guest,
  command: string,
): Promise<Examination> {
  const { code, output } = await guest.run(command);
  let findings: Finding[];
  try {
    findings = JSON.parse(output);
  } catch {
    throw new Error(`${command}: exit code ${code}\n${output}`);
  }
  return {
    code,
    ok: findings.filter(({ status }) => status === "ok")
      .map(({ check }) => check),
    rest: findings.filter(({ status }) => status !== "ok")
      .map(({ status, check, text }) => `${status} ${check}: ${text}`),
  };
}
