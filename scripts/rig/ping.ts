/** Runs ping(8) in guests. */

import { roundTripsOf } from "../ping_output.ts";
import type { Guest } from "./guest.ts";

/** Requests in a row that must be answered. */
const PINGS = 3;
const INTERVAL_SECONDS = 0.2;
/** Wait for the replies at normal machine speed. */
const REPLY_SECONDS = 5;
/** Precedes the output of each ping. */
const TITLE = "pings of ";

/**
 * Pings each address with each payload size in bytes. Returns one line for each combination of which a request was not
 * answered, as {@linkcode lossOf} says.
 *
 * Ping runs until the replies have arrived: after the last of a number of requests, it waits for only two round trips,
 * which is too short on a busy machine.
 */
export async function unanswered(
  guest: Guest,
  addresses: readonly string[],
  sizes: readonly number[],
): Promise<string[]> {
  const output = await guest.must(
    pingScript(addresses, sizes, guest.patient(REPLY_SECONDS), guest.slowness),
    120,
  );
  return output.split(TITLE).slice(1).flatMap((text) => {
    const loss = lossOf(text, guest.slowness);
    return loss === undefined ? [] : [`${text.split("\n")[0]}: ${loss}`];
  });
}

/**
 * Returns a bash script that pings each address with each payload size, until there are {@linkcode PINGS} replies or
 * `seconds` are over. It prints the output of each ping after a title.
 */
export function pingScript(
  addresses: readonly string[],
  sizes: readonly number[],
  seconds: number,
  slowness: number,
): string {
  const each = (address: string, size: number) =>
    `echo '${TITLE}${address} with ${size} bytes'
     : > $log
     timeout ${seconds} stdbuf -oL ping -n -i ${INTERVAL_SECONDS} -s ${size} ${address} >> $log 2>&1 & pid=$!
     while kill -0 $pid && [ $(grep -c 'bytes from' $log) -lt ${PINGS} ]; do
       sleep ${(INTERVAL_SECONDS / 2 * slowness).toFixed(3)}
     done 2> /dev/null
     { kill $pid; wait $pid; } 2> /dev/null
     cat $log`;
  const all = addresses.flatMap((address) =>
    sizes.map((size) => each(address, size))
  );
  return ["log=$(mktemp)", ...all, "rm $log"].join("\n");
}

/**
 * Returns what is missing in the output of ping(8), or undefined if {@linkcode PINGS} requests in a row were answered.
 *
 * The first of them is one of the first {@linkcode PINGS}, on a slow machine of `slowness` times as many, because the
 * interval is the same: ib_ipoib drops packets while it looks for a path or opens a connection.
 */
export function lossOf(output: string, slowness: number): string | undefined {
  const replies = [...output.matchAll(/ bytes from .* icmp_seq=(\d+) /g)]
    .map((match) => Number(match[1]));
  const answered = [...new Set(replies)].sort((a, b) => a - b);
  const [first = Infinity] = answered;
  const isComplete = first <= PINGS * slowness &&
    answered.length >= PINGS && answered[PINGS - 1] === first + PINGS - 1;
  return isComplete
    ? undefined
    : `replies to requests ${answered.join(", ") || "none"}`;
}

/** Returns a command that sends one request and waits for the reply, for `seconds` at normal machine speed. */
export function pingOnce(
  guest: Guest,
  address: string,
  seconds: number,
): string {
  return `ping -q -n -c 1 -W ${guest.patient(seconds)} ${address}`;
}

/** Flushes the neighbour entries of addresses on `ib0`, and returns the addresses that do not answer a single ping. */
export async function unresolved(
  guest: Guest,
  addresses: readonly string[],
): Promise<string[]> {
  const output = await guest.must(
    addresses.map((address) =>
      `ip neigh flush to ${address} dev ib0
       ${pingOnce(guest, address, 1)} > /dev/null ||
         echo ${address}`
    ).join("\n"),
  );
  return linesOf(output);
}

/** Returns the mean round trip of small packets in milliseconds. Throws if a request is not answered. */
export async function meanRoundTripMs(
  guest: Guest,
  address: string,
): Promise<number> {
  const output = await guest.must(
    `ping -q -n -c 20 -i 0.1 -W ${REPLY_SECONDS} ${address}`,
  );
  return roundTripsOf(output).average / 1000;
}

function linesOf(output: string): string[] {
  return output.split("\n").filter((line) => line !== "");
}
