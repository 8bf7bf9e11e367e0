/** Where the next hops of routed packets come from: tests of both sources. */

import { whyNoNextHopProgram } from "./kernel.ts";
import { type Lab, labTest } from "./lab.ts";

/** A value of `--next-hops`. */
export type NextHopSource = "program" | "routes";

/** A test for each source; the program's is skipped, with the reason in its name, where the kernel has no place for it. */
export function nextHopsTest(
  name: string,
  body: (lab: Lab, source: NextHopSource) => Promise<void>,
): void {
  const missing = whyNoNextHopProgram();
  for (const source of ["program", "routes"] as const) {
    const ignore = source === "program" && missing !== undefined;
    const why = ignore ? ` (skipped: no next-hop program: ${missing})` : "";
    labTest(
      `${name}, --next-hops ${source}${why}`,
      (lab) => body(lab, source),
      { ignore },
    );
  }
}
