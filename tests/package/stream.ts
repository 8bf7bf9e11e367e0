/** TCP streams and pings between two hosts of a machine during an event. */

import type { Guest } from "../../scripts/rig/guest.ts";
import { startStreams, streamsProceed } from "../../scripts/rig/iperf.ts";
import { answerTimes, longestGap } from "../../scripts/rig/outage.ts";

const LOG = "/tmp/pings.log";
/** Interval of the pings at normal machine speed. */
const INTERVAL_S = 0.01;
const REPLIES = 10;
const MBIT = 1;
/** Longer than the event and all waits. */
const SECONDS = 3600;
/** Time limits in seconds at normal machine speed. */
const REPLIES_S = 10;
const BYTES_S = 30;

/** The hosts, and the address of the server. */
export interface Ends {
  readonly client: Guest;
  readonly server: Guest;
  readonly address: string;
}

/**
 * Runs a TCP stream in each direction, and pings of the server, before, during and after the event. Returns the longest
 * time between two replies in milliseconds. Throws if a stream ends or stops.
 */
export async function underStream(
  { client, server, address }: Ends,
  event: () => Promise<unknown>,
): Promise<number> {
  const end = await startStreams(client, server, address, SECONDS, MBIT);
  const interval = Math.round(INTERVAL_S * client.slowness * 1000) / 1000;
  await client.must(
    `stdbuf -oL ping -D -n -i ${interval} ${address} > ${LOG} 2>&1 & echo $! > ${LOG}.pid`,
  );
  await replies(client);
  await streamsProceed(server, BYTES_S);
  await event();
  await replies(client);
  await streamsProceed(server, BYTES_S);
  await end();
  const text = await client.must(`kill $(cat ${LOG}.pid); cat ${LOG}`);
  return Math.round(longestGap(answerTimes(text)));
}

/** Waits for some further replies. */
async function replies(client: Guest): Promise<void> {
  const count = `$(grep -c 'bytes from' ${LOG})`;
  const before = Number(await client.must(`echo ${count}`));
  await client.waitFor(
    `[ ${count} -gt ${before + REPLIES} ]`,
    REPLIES_S,
    `cat ${LOG}`,
  );
}
