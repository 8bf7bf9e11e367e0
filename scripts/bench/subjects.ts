/** Which subjects there are, and how their figures stand side by side. */

import { IpoibError } from "../../src/base/errors.ts";
import { isInstalled } from "../test/packages.ts";
import { openvpn } from "./openvpn.ts";
import { startProgram } from "./program.ts";
import { sourceCommand } from "../program.ts";
import type { Column } from "./report.ts";
import type { Subject } from "./subject.ts";
import { startTunnel, type TunnelProgram } from "./tunnel.ts";
import { wireguard } from "./wireguard.ts";
import { startMinimal, startSplice } from "./yardstick.ts";

const YARDSTICK = "C splice";
const MINIMAL = "minimal";
const OURS = ["uring", "poll"] as const;
/** The same program in another version, with io_uring. */
const BESIDE = "beside";
const TUNNELS: readonly TunnelProgram[] = [openvpn, wireguard];

/** The program beside the yardsticks. */
const COLUMNS: readonly Column[] = [
  { title: YARDSTICK, subject: YARDSTICK },
  ...OURS.flatMap((subject) => [
    { title: `ipoib, ${subject}`, subject },
    { title: `${subject} to C`, subject, to: YARDSTICK },
  ]),
  { title: MINIMAL, subject: MINIMAL },
  { title: "uring to it", subject: "uring", to: MINIMAL },
];

/** The columns of a run, with those of another version of the program if there is one. */
export function columnsOf({ beside }: { beside?: string }): readonly Column[] {
  if (beside === undefined) return COLUMNS;
  return [
    ...COLUMNS,
    { title: BESIDE, subject: BESIDE },
    { title: "uring to it", subject: "uring", to: BESIDE },
  ];
}

/** Tunnels of other programs, and the program to each. */
export const TUNNEL_COLUMNS: readonly Column[] = TUNNELS.flatMap((
  { program },
) => [
  { title: program, subject: program },
  ...OURS.map((subject) => ({
    title: `${subject} to it`,
    subject,
    to: program,
  })),
]);

/** Subjects that are up, and what is missing among them. */
export interface Lineup {
  readonly subjects: Subject[];
  /** Why a tunnel does not take part, by its name. */
  readonly absent: Record<string, string>;
}

/** Starts every subject that has so many ends; what was started before a failure is in `lineup` too. */
export async function startSubjects(
  { subjects, absent }: Lineup,
  folder: string,
  ends: number,
  beside: string | undefined,
): Promise<void> {
  subjects.push(await startSplice(folder, ends));
  if (ends === 2) subjects.push(await startMinimal(folder));
  for (const [i, io] of OURS.entries()) {
    const runtime = `${folder}/${io}-${ends}`;
    subjects.push(await startProgram(runtime, { io, ends, net: 2 + i }));
  }
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
      absent[tunnel.program] = `does not start: ${
        IpoibError.from(error).message
      }`;
    }
  }
}
