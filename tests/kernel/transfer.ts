/** A file that is sent from one guest to another over TCP. */

import type { Guest } from "../../scripts/rig/guest.ts";

const LISTEN_LIMIT_S = 10;
/** Maximum time from the end of sending to the end of receiving. */
const END_LIMIT_S = 60;

/** SHA-256 sums of a file, as sha256sum(1) prints them. */
export interface Transferred {
  readonly sent: string;
  readonly received: string;
}

/**
 * Sends `length` random bytes to `port` of an address of `to`, IPv4 or IPv6, by writes of 256 KiB. Throws an Error if
 * that fails or takes longer than `limitS` seconds.
 */
export async function transfer(
  from: Guest,
  to: Guest,
  address: string,
  port: number,
  length: number,
  limitS: number,
): Promise<Transferred> {
  const family = address.includes(":") ? 6 : 4;
  const host = family === 6 ? `[${address}]` : address;
  await to.must(
    `socat -u TCP${family}-LISTEN:${port},reuseaddr OPEN:/tmp/received,creat,trunc &
     echo $! > /tmp/receiver.pid`,
  );
  await to.waitFor(`ss -ltn | grep -q :${port}`, LISTEN_LIMIT_S, "ss -ltn");
  const sent = await from.must(
    `head -c ${length} /dev/urandom > /tmp/sent
     socat -u -b 262144 OPEN:/tmp/sent TCP${family}:${host}:${port}
     sha256sum < /tmp/sent`,
    limitS,
  );
  const received = await to.must(
    `while [ -d /proc/$(cat /tmp/receiver.pid) ]; do sleep 0.1; done
     sha256sum < /tmp/received`,
    END_LIMIT_S,
  );
  return { sent, received };
}
