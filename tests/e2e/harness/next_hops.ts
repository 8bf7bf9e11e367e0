/** Tests that run with both sources of the next hops of routed packets. */

import { whyNoNextHopProgram } from "./kernel.ts";
import { type Lab, labTest } from "./lab.ts";

/** A value of `--next-hops`. */
export type NextHopSource = "program" | "routes";

/** Registers a test for each source. The test of `program` is skipped if the kernel cannot run next-hop programs. */
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
