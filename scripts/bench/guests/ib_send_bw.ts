/** `ib_send_bw -c UD` of perftest between two devices of a virtual machine, a process for each. */

import type { Guest } from "../../rig/guest.ts";
import type { DevicePair, UdRates } from "./ud_rates.ts";

const SLOW_SECONDS = 60;
const LOOPBACK = "127.0.0.1";
/** Columns of its last line: octets, iterations, peak and mean MiB/s, million messages a second. */
const RATE_COLUMN = 4;

/** It prints no figures if its clock ran unsteadily, as clocks of emulated machines do: then it has another try. */
const TRIES = 5;

export async function measureIbSendBw(
  guest: Guest,
  pair: DevicePair,
  size: number,
  seconds: number,
): Promise<UdRates> {
  for (let left = TRIES;; left--) {
    const text = await run(guest, pair, size, seconds);
    const [sent, received] = messageRates(text);
    if (sent !== undefined && received !== undefined) return { sent, received };
    if (left > 1) continue;
    throw new Error(`ib_send_bw printed no rate: ${text.slice(-200)}`);
  }
}

async function run(
  guest: Guest,
  { from, to, roce }: DevicePair,
  size: number,
  seconds: number,
): Promise<string> {
  const words = `timeout ${
    seconds + 30
  } ib_send_bw -c UD -s ${size} -D ${seconds} ${roce ? "-x 0" : ""}`;
  return await guest.must(
    `${words} -d ${to} > /tmp/bw.receive 2>&1 & receiver=$!
     until ss -ltn | grep -q :18515; do sleep 0.1; done
     ${words} -d ${from} ${LOOPBACK} || exit 1
     wait $receiver || { cat /tmp/bw.receive; exit 1; }
     echo; cat /tmp/bw.receive`,
    seconds + SLOW_SECONDS,
  );
}

/** Messages a second, one for each line of figures. */
export function messageRates(text: string): number[] {
  return text.split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((words) =>
      words.length === RATE_COLUMN + 1 &&
      words.every((word) => /^\d+(\.\d+)?$/.test(word))
    )
    .map((words) => Number(words[RATE_COLUMN]) * 1e6);
}
