/** Which subjects there are, and how their figures stand side by side. */

import { IpoibError } from "../../src/base/errors.ts";
import { isInstalled } from "../test/packages.ts";
import { openvpn } from "./openvpn.ts";
import { startProgram } from "./program.ts";
import type { Column } from "./report.ts";
import type { Subject } from "./subject.ts";
import { startTunnel, type TunnelProgram } from "./tunnel.ts";
import { wireguard } from "./wireguard.ts";
import { startYardstick } from "./yardstick.ts";

const YARDSTICK = "C splice";
const OURS = ["uring", "poll"] as const;
const TUNNELS: readonly TunnelProgram[] = [openvpn, wireguard];

/** The program beside the yardstick. */
export const COLUMNS: readonly Column[] = [
  { title: YARDSTICK, subject: YARDSTICK },
  ...OURS.flatMap((subject) => [
    { title: `ipoib, ${subject}`, subject },
    { title: `${subject} to C`, subject, to: YARDSTICK },
  ]),
];

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
): Promise<void> {
  subjects.push(await startYardstick(folder, ends));
  for (const [i, io] of OURS.entries()) {
    const runtime = `${folder}/${io}-${ends}`;
    subjects.push(await startProgram(runtime, { io, ends, net: 2 + i }));
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
