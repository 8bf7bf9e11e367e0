/**
 * Runs `ib_send_bw -c UD` of perftest between two devices of a virtual machine, with a process for each device.
 *
 * ib_send_bw measures with the processor's cycle counter, which is too unsteady in an emulated machine ("Can't produce
 * a report"). This module reads the message counters of the devices before and after the run instead.
 */

import type { Guest } from "../../rig/guest.ts";
import type { DevicePair, UdRates } from "./ud_rates.ts";

const SLOW_SECONDS = 60;
const LOOPBACK = "127.0.0.1";
const PORT = 18515;
const NO_REPORT = "produce a report";

/**
 * Measures the packet rates with messages of `size` bytes for `seconds`. Throws an Error if a process fails.
 *
 * @param options further options of ib_send_bw
 */
export async function measureIbSendBw(
  guest: Guest,
  { from, to, roce }: DevicePair,
  size: number,
  seconds: number,
  options: string,
): Promise<UdRates> {
  const words = `-c UD -s ${size} -D ${seconds} ${options}${
    roce ? " -x 0" : ""
  }`;
  const run = `timeout ${seconds + 30} ib_send_bw ${words}`;
  const text = await guest.must(
    `count() { echo "count $(cat ${counter(from, "sends")} ${
      counter(to, "recvs")
    } | tr '\\n' ' ')"; }
     check() { [ $1 = 0 ] || grep -q '${NO_REPORT}' $2 || { cat $2; exit 1; }; }
     count
     ${run} -d ${to} > /tmp/bw.receive 2>&1 & receiver=$!
     until ss -ltn | grep -q :${PORT}; do sleep 0.1; done
     ${run} -d ${from} ${LOOPBACK} > /tmp/bw.send 2>&1; check $? /tmp/bw.send
     wait $receiver; check $? /tmp/bw.receive
     count`,
    seconds + SLOW_SECONDS,
  );
  const [sent, received] = growthOf(text);
  return { sent: sent! / seconds, received: received! / seconds };
}

/** Returns the path of the counter of sent or received messages of a device. */
function counter(device: string, what: "sends" | "recvs"): string {
  return `/sys/class/infiniband/${device}/ports/1/hw_counters/rdma_${what}`;
}

/** Returns the increase of each number between the two lines of `count`. */
export function growthOf(text: string): number[] {
  const [before, after] = [...text.matchAll(/^count (.*)$/gm)]
    .map(([, numbers]) => numbers!.trim().split(/\s+/).map(Number));
  if (!before || !after) {
    throw new Error(`ib_send_bw run printed no counters: ${text.slice(-200)}`);
  }
  return before.map((number, i) => after[i]! - number);
}
