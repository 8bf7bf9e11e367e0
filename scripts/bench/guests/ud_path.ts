/**
 * Measures this program's UD path between two devices of a virtual machine, with a process of ud_driver.ts for each.
 */

import type { Guest } from "../../rig/guest.ts";
import type { DevicePair, UdRates } from "./ud_rates.ts";

/** Address of a receiver. */
export interface UdPeer {
  readonly qpn: number;
  readonly lid: number;
  readonly gid: string;
}

/** Result of one end. */
export interface UdResult {
  readonly packets: number;
  readonly seconds: number;
}

const DRIVER = "/project/scripts/bench/guests/ud_driver.ts";
/** Time for two starts, the warm-up and the wait for the last packets. */
const SLOW_SECONDS = 90;

/** Measures the packet rates with messages of `size` bytes for `seconds`. Throws an Error if a process fails. */
export async function measureUdPath(
  guest: Guest,
  { from, to, roce }: DevicePair,
  size: number,
  seconds: number,
): Promise<UdRates> {
  const words = `--seconds ${seconds}${roce ? " --roce" : ""}`;
  const run = `deno run --quiet --no-check --cached-only --allow-all ${DRIVER}`;
  const text = await guest.must(
    `rm -f /tmp/ud.receive
     ${run} receive --device ${to} ${words} > /tmp/ud.receive 2>&1 & receiver=$!
     until [ -s /tmp/ud.receive ]; do sleep 0.1; done
     peer=$(head -n 1 /tmp/ud.receive)
     ${run} send --device ${from} ${words} --size ${size} --peer "$peer" || exit 1
     wait $receiver || { cat /tmp/ud.receive; exit 1; }
     tail -n 1 /tmp/ud.receive`,
    seconds + SLOW_SECONDS,
  );
  const [sent, received] = text.trim().split("\n")
    .map((line): UdResult => JSON.parse(line));
  return { sent: rateOf(sent!), received: rateOf(received!) };
}

function rateOf({ packets, seconds }: UdResult): number {
  return packets / seconds;
}
