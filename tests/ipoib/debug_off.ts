import { DebugLevels, DebugLog } from "../../src/ipoib/debug_log.ts";

/** Returns a debug log whose levels are 0. */
export function debugOff(): DebugLog {
  return new DebugLog(new DebugLevels(), "ib0");
}
