/** All measurements of the engine. */

import { capture } from "./capture.ts";
import { debugCode } from "./debug_code.ts";
import type { EngineMeasurement } from "./engine_measurement.ts";
import { tables } from "./tables.ts";

export const ENGINE_MEASUREMENTS: readonly EngineMeasurement[] = [
  tables,
  debugCode,
  capture,
];
