/** Number formats of iproute2, sysfs and the debugfs files of ib_ipoib. */

/** Formats a count; with `human`, as three digits with suffix k, M, G, T, P or E (powers of 1000), as iproute2. */
export function number(value: number, human: boolean): string {
  if (!human || value < 1000) return String(value);
  const power = Math.min(6, Math.floor(Math.log10(value) / 3 + 1e-9));
  const unit = 1000 ** power;
  const whole = Math.floor(value / unit);
  const digits = whole < 10 ? 2 : whole < 100 ? 1 : 0;
  return `${(value / unit).toFixed(digits)}${"kMGTPE"[power - 1]}`;
}

/** Names of lane speeds in megabits per second. */
const SPEEDS = new Map([
  [2500, "SDR"],
  [5000, "DDR"],
  [10000, "QDR"],
  [14000, "FDR"],
  [25000, "EDR"],
  [50000, "HDR"],
  [100000, "NDR"],
  [200000, "XDR"],
]);

/** Formats a rate: `40.0 Gb/sec`. */
export function gigabits(mbps: number): string {
  return `${(mbps / 1000).toFixed(1)} Gb/sec`;
}

/** Formats the rate of a port as the sysfs file `rate`: `40 Gb/sec (4X QDR)`. */
export function portRate(
  rate: { rate_mbps: number; width: number; lane_mbps: number },
): string {
  const speed = SPEEDS.get(rate.lane_mbps);
  return `${rate.rate_mbps / 1000} Gb/sec (${rate.width}X${
    speed ? ` ${speed}` : ""
  })`;
}

/** Formats a time of some milliseconds as ping does: `0.214ms`. */
export function milliseconds(ms: number): string {
  return `${ms.toFixed(3)}ms`;
}

/** Formats a duration in its largest unit: `850ms`, `12.3s`, `5m`, `3h`, `2d`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86400)}d`;
}
