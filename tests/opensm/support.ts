/** What the tests of the simulated fabric share: when they cannot run, and how each gets a fabric. */

import {
  type ManagerOptions,
  missingPrograms,
  Simulator,
} from "../../scripts/opensm/simulator.ts";
import { portGuid } from "../../scripts/opensm/fabric.ts";
import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../../src/wire/gid.ts";

const missing = await missingPrograms("saquery");
const skipped = missing.length > 0
  ? ` (skipped: needs the Debian packages ${missing.join(" ")})`
  : "";

/** The GID of the n-th port. */
export function portGid(n: number): Uint8Array {
  return gidFrom(DEFAULT_SUBNET_PREFIX, portGuid(n));
}

/** Registers a test that has a fabric with OpenSM for itself. */
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
