/** Program that runs a part: `run_part.ts PART MINUTES SEED [NAME...]`. Prints progress, then the table as JSON. */

import { countFailures } from "../cleanup.ts";
import type { PartName } from "./options.ts";
import type { Part } from "./part.ts";

/** Prefix of the line with the table. */
export const ROWS = "rows: ";

/** Parts, imported only when needed, because some need libraries and programs that others do not. */
const RUN: Record<PartName, () => Promise<Part>> = {
  fuzz: async () => (await import("./fuzz/run_fuzz.ts")).runFuzz,
  kill: async () => (await import("./kill/run_kill.ts")).runKill,
  resources: async () =>
    (await import("./resources/run_resources.ts")).runResources,
  soak: async () => (await import("./soak/run_soak.ts")).runSoak,
};

if (import.meta.main) {
  const [part, minutes, seed, ...only] = Deno.args;
  const encoder = new TextEncoder();
  const say = (line: string) =>
    void Deno.stdout.writeSync(encoder.encode(`${line}\n`));
  Deno.exit(
    await countFailures(async (cleanup) => {
      const run = await RUN[part as PartName]();
      const rows = await run({
        minutes: Number(minutes),
        seed: Number(seed),
        only,
        say,
        cleanup,
      });
      say(`${ROWS}${JSON.stringify(rows)}`);
      return 0;
    }),
  );
}
