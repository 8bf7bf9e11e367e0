/**
 * Changes entries of the kernel's neighbour table, in batches and without acknowledgement.
 *
 * In Linux 6.18 (tested; the source of 6.1 agrees) NLM_F_CREATE creates a missing entry; without it the request fails
 * with ENOENT. NLM_F_REPLACE has no effect, because there is no link-layer address to replace. NLM_F_EXCL with
 * NLM_F_CREATE fails if the entry exists. Therefore only "use" and "permanent" set NLM_F_CREATE.
 *
 * Every change except "permanent" ends the state PERMANENT, even "use": do not change the administrator's entries.
 * Entries can be changed while the interface is down. `ip link set down` deletes all entries, including PERMANENT ones,
 * which survive a loss of carrier.
 */

import { Errno } from "../../base/errno.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import { type MessageBuilder, NLM_F_CREATE } from "./message.ts";
import {
  neighbourRequest,
  NeighbourState,
  RTM_DELNEIGH,
  RTM_NEWNEIGH,
} from "./neighbour.ts";
import type { Refusal, RequestSocket } from "./socket.ts";

const NTF_USE = 0x01;

/**
 * A change of an entry:
 *
 * - `fail` (`ip neigh change X nud failed`) drops the packets that wait for resolution. The next packet to the address
 *   triggers an immediate broadcast request. Creates no entry.
 * - `use` (`ip neigh replace X use`) starts resolution as a packet would. A new or FAILED entry becomes INCOMPLETE, and
 *   the kernel broadcasts a request immediately. A STALE entry becomes DELAY and is probed later.
 * - `permanent` creates the entry if it is missing and sets it to PERMANENT: the kernel sends packets without a
 *   request. `ip neigh flush` and garbage collection do not delete it.
 * - `stale` sets the entry to STALE: it stays in use, and the kernel probes it some seconds after the next packet. Only
 *   for valid entries, because an INCOMPLETE or FAILED entry would become valid. Creates no entry.
 * - `delete` deletes the entry in any state.
 */
export type NeighbourChange = "fail" | "use" | "permanent" | "stale" | "delete";

function changeRequest(
  change: NeighbourChange,
  ifindex: number,
  address: IpAddress,
): MessageBuilder {
  const set = (state: number, flags = 0, entryFlags = 0) =>
    neighbourRequest(RTM_NEWNEIGH, flags, ifindex, address, state, entryFlags);
  switch (change) {
    case "fail":
      return set(NeighbourState.FAILED);
    case "use":
      return set(NeighbourState.NONE, NLM_F_CREATE, NTF_USE);
    case "permanent":
      return set(NeighbourState.PERMANENT, NLM_F_CREATE);
    case "stale":
      return set(NeighbourState.STALE);
    case "delete":
      return neighbourRequest(RTM_DELNEIGH, 0, ifindex, address, 0);
  }
}

/**
 * Returns true if the entry or the interface no longer exists. EINVAL means that IPv6 was disabled on the interface,
 * for example by an MTU below 1280, which deletes its entries.
 */
function isGone({ errno }: Refusal): boolean {
  return errno === Errno.ENOENT || errno === Errno.ENODEV ||
    errno === Errno.EINVAL;
}

/** Numbers of failed changes in a call. All other changes were made. */
export interface NeighbourRefusals {
  /** Changes that failed because the entry or the interface does not exist. */
  readonly gone: number;
  /** Changes refused for another reason, such as ENOBUFS if the table is full. */
  readonly refused: number;
}

/**
 * Makes the same change for many addresses, with two system calls per 64 addresses and one more per failure. Never
 * throws.
 */
export function changeNeighbours(
  socket: RequestSocket,
  ifindex: number,
  addresses: readonly IpAddress[],
  change: NeighbourChange,
): NeighbourRefusals {
  const refusals = socket.post(
    addresses.map((address) => changeRequest(change, ifindex, address)),
  );
  const gone = refusals.filter(isGone).length;
  return { gone, refused: refusals.length - gone };
}
