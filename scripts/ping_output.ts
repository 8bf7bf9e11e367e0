/** Parses the summary that ping(8) of iputils prints. */

/** Round trips in microseconds. */
export interface RoundTrips {
  readonly smallest: number;
  readonly average: number;
}

/** Parses the round trips. Throws if there are none. */
export function roundTripsOf(output: string): RoundTrips {
  const match = /min\/avg\/max\/mdev = ([0-9.]+)\/([0-9.]+)\//.exec(output);
  if (!match) throw new Error(`ping reports no round trip: ${output}`);
  return {
    smallest: Number(match[1]) * 1000,
    average: Number(match[2]) * 1000,
  };
}

/** Parses the line `N packets transmitted, N received`. Throws if it is missing. */
export function packetsOf(output: string): { sent: number; received: number } {
  const match = /(\d+) packets transmitted, (\d+) received/.exec(output);
  if (!match) throw new Error(`ping reports no packets: ${output}`);
  return { sent: Number(match[1]), received: Number(match[2]) };
}
