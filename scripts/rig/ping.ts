/** Runs ping(8) in guests. */

import { roundTripsOf } from "../ping_output.ts";
import type { Guest } from "./guest.ts";

const PINGS = 3;
const INTERVAL_SECONDS = 0.2;
/** Wait for a reply at normal machine speed. */
const REPLY_SECONDS = 5;

/**
 * Pings each address with each payload size in bytes. Returns one line for each combination of which a request was not
 * answered.
 */
export async function unanswered(
  guest: Guest,
  addresses: readonly string[],
  sizes: readonly number[],
): Promise<string[]> {
  const wait = guest.patient(REPLY_SECONDS);
  const output = await guest.must(
    addresses.flatMap((address) =>
      sizes.map((size) =>
        `ping -q -n -c ${PINGS} -i ${INTERVAL_SECONDS} -W ${wait} -s ${size} ${address} > /tmp/ping.out 2>&1 ||
         echo '${address} with ${size} bytes' $(grep -o '[0-9]* received' /tmp/ping.out)`
      )
    ).join("\n") + "\ntrue",
    120,
  );
  return linesOf(output);
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
