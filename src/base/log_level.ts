/** The minimum levels of the log, from the one that writes most. */
export const LOG_LEVELS = [
  "debug",
  "info",
  "warning",
  "error",
  "silent",
] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
