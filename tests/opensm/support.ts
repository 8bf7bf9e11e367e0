/** Registers tests on a simulated fabric. They are skipped if its programs are missing. */

import {
  type ManagerOptions,
  missingPrograms,
  Simulator,
} from "../../scripts/opensm/simulator.ts";
import { ManagersStalled } from "../../scripts/opensm/standby.ts";

const missing = await missingPrograms("saquery");
const skipped = missing.length > 0
  ? ` (skipped: needs the Debian packages ${missing.join(" ")})`
  : "";

/** Number of fabrics that a test may use until none of its OpenSMs stalls. */
const ATTEMPTS = 4;

/** Registers a test with a new fabric on which OpenSM runs. It runs again with another fabric if OpenSMs stall. */
export function fabricTest(
  name: string,
  options: ManagerOptions,
  run: (simulator: Simulator) => Promise<void>,
): void {
  Deno.test({
    name: `${name}${skipped}`,
    ignore: missing.length > 0,
    async fn() {
      for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
        try {
          return await runOnFabric(options, run);
        } catch (error) {
          if (!(error instanceof ManagersStalled)) throw error;
        }
      }
      await runOnFabric(options, run);
    },
  });
}

async function runOnFabric(
  options: ManagerOptions,
  run: (simulator: Simulator) => Promise<void>,
): Promise<void> {
  const simulator = await Simulator.start();
  try {
    await simulator.startManager(options);
    await run(simulator);
  } finally {
    await simulator.stop();
  }
}
