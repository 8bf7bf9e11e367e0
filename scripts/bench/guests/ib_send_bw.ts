/** `ib_send_bw -c UD` of perftest between two devices of a virtual machine, a process for each. */

import type { Guest } from "../../rig/guest.ts";
import type { DevicePair, UdRates } from "./ud_rates.ts";

const SLOW_SECONDS = 60;
const LOOPBACK = "127.0.0.1";
/** Columns of its last line: octets, iterations, peak and mean MiB/s, million messages a second. */
const RATE_COLUMN = 4;

export async function measureIbSendBw(
  guest: Guest,
  { from, to, roce }: DevicePair,
  size: number,
  seconds: number,
): Promise<UdRates> {
  const run = `timeout ${
    seconds + 30
  } ib_send_bw -c UD -s ${size} -D ${seconds} ${roce ? "-x 0" : ""}`;
  const text = await guest.must(
    `${run} -d ${to} > /tmp/bw.receive 2>&1 & receiver=$!
     until ss -ltn | grep -q :18515; do sleep 0.1; done
     ${run} -d ${from} ${LOOPBACK} || exit 1
     wait $receiver || { cat /tmp/bw.receive; exit 1; }
     echo; cat /tmp/bw.receive`,
    seconds + SLOW_SECONDS,
  );
  const [sent, received] = messageRates(text);
  if (sent === undefined || received === undefined) {
    throw new Error(`ib_send_bw printed no rate: ${text.slice(-200)}`);
  }
  return { sent, received };
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
