/** All measurements in virtual machines. */

import type { GuestMeasurement } from "./guest_measurement.ts";
import { kernel } from "./kernel.ts";
import { perftest } from "./perftest.ts";
import { roce } from "./roce.ts";

export const GUEST_MEASUREMENTS: readonly GuestMeasurement[] = [
  kernel,
  perftest,
  roce,
];
