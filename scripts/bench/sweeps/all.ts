/** All sweeps in the order in which they run. */

import type { Sweep } from "../sweep.ts";
import { load } from "./load.ts";
import { moderation } from "./moderation.ts";
import { mtu } from "./mtu.ts";

export const SWEEPS: readonly Sweep[] = [mtu, load, moderation];
