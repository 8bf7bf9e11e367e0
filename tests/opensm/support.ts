/** Registers tests on a simulated fabric. They are skipped if its programs are missing. */

import {
  type ManagerOptions,
  missingPrograms,
  Simulator,
} from "../../scripts/opensm/simulator.ts";

const missing = await missingPrograms("saquery");
const skipped = missing.length > 0
  ? ` (skipped: needs the Debian packages ${missing.join(" ")})`
  : "";

/** Registers a test with a new fabric on which OpenSM runs. */
export function fabricTest(
  name: string,
  options: ManagerOptions,
  run: (simulator: Simulator) => Promise<void>,
): void {
  Deno.test({
    name: `${name}${skipped}`,
    ignore: missing.length > 0,
    async fn() {
      const simulator = await Simulator.start();
      try {
        await simulator.startManager(options);
        await run(simulator);
      } finally {
        await simulator.stop();
      }
    },
  });
}
