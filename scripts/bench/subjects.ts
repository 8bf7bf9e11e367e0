/** The subjects of the benchmark, and the columns of its tables. */

import { IpoibError } from "../../src/base/errors.ts";
import { isInstalled } from "../test/packages.ts";
import { openvpn } from "./openvpn.ts";
import { type ProgramOptions, startProgram } from "./program.ts";
import { sourceCommand } from "../program.ts";
import type { Column } from "./report.ts";
import type { Subject } from "./subject.ts";
import { startTunnel, type TunnelProgram } from "./tunnel.ts";
import { wireguard } from "./wireguard.ts";
import { startMinimal, startSplice } from "./yardstick.ts";

const YARDSTICK = "C splice";
const MINIMAL = "minimal";
const OURS = ["uring", "poll"] as const;
/** Another version of the program, with io_uring. */
const BESIDE = "beside";
const TUNNELS: readonly TunnelProgram[] = [openvpn, wireguard];

/** Columns of the program and the yardsticks. */
const COLUMNS: readonly Column[] = [
  { title: YARDSTICK, subject: YARDSTICK },
  ...OURS.flatMap((subject) => [
    { title: `ipoib, ${subject}`, subject },
    { title: `${subject} / C`, subject, to: YARDSTICK },
  ]),
  { title: MINIMAL, subject: MINIMAL },
  { title: `uring / ${MINIMAL}`, subject: "uring", to: MINIMAL },
];

/** Returns the columns of a run, including those of another version if the run has one. */
export function columnsOf({ beside }: { beside?: string }): readonly Column[] {
  if (beside === undefined) return COLUMNS;
  return [
    ...COLUMNS,
    { title: BESIDE, subject: BESIDE },
    { title: `uring / ${BESIDE}`, subject: "uring", to: BESIDE },
  ];
}

/** Columns of other tunnel programs, and the ratios of the program to each. */
export const TUNNEL_COLUMNS: readonly Column[] = TUNNELS.flatMap((
  { program },
) => [
  { title: program, subject: program },
  ...OURS.map((subject) => ({
    title: `${subject} / ${program}`,
    subject,
    to: program,
  })),
]);

/** Running subjects, and absent tunnels. */
export interface Lineup {
  readonly subjects: Subject[];
  /** Reason for the absence of a tunnel, by its name. */
  readonly absent: Record<string, string>;
}

/**
 * Starts the yardsticks and the program with each I/O backend. After an error `subjects` contains those started before
 * it.
 */
export async function startComparison(
  subjects: Subject[],
  folder: string,
  ends: number,
  options: Pick<ProgramOptions, "subnetMtu"> = {},
): Promise<void> {
  subjects.push(await startSplice(folder, ends));
  if (ends === 2) subjects.push(await startMinimal(folder));
  for (const [i, io] of OURS.entries()) {
    const runtime = `${folder}/${io}-${ends}`;
    const own = { ...options, io, ends, net: 2 + i };
    subjects.push(await startProgram(runtime, own));
  }
}

/**
 * Starts the subjects on networks of `ends` ends. After an error the lineup contains the subjects started before it.
 */
export async function startSubjects(
  { subjects, absent }: Lineup,
  folder: string,
  ends: number,
  beside: string | undefined,
): Promise<void> {
  await startComparison(subjects, folder, ends);
  if (beside !== undefined) {
    const command = sourceCommand(beside);
    const other = { name: BESIDE, command, io: "uring", ends, net: 7 } as const;
    subjects.push(await startProgram(`${folder}/${BESIDE}-${ends}`, other));
  }
  if (ends > 2) return;
  for (const tunnel of TUNNELS) {
    if (!isInstalled(tunnel.program)) {
      absent[tunnel.program] = "not installed";
      continue;
    }
    try {
      subjects.push(await startTunnel(tunnel));
    } catch (error) {
      absent[tunnel.program] = `did not start: ${
        IpoibError.from(error).message
      }`;
    }
  }
}
