/** Time stamps of the log. */

function digits(value: number, count: number): string {
  return String(Math.abs(value)).padStart(count, "0");
}

/**
 * Returns a time in the local time zone with milliseconds and offset (RFC 3339): `2026-11-30T14:05:09.123+01:00`.
 *
 * @param offset minutes by which local time is ahead of UTC
 */
export function localTimestamp(
  time: Date,
  offset: number = -time.getTimezoneOffset(),
): string {
  const local = new Date(time.getTime() + offset * 60_000).toISOString()
    .slice(0, -1);
  const hours = Math.trunc(Math.abs(offset) / 60);
  const zone = `${offset < 0 ? "-" : "+"}${digits(hours, 2)}:${
    digits(Math.abs(offset) % 60, 2)
  }`;
  return local + zone;
}
