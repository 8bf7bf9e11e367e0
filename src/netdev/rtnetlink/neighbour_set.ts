/**
 * Changing entries of the kernel's neighbour table, many at once and without acknowledgement.
 *
 * What Linux 6.18 does (tried; 6.1 reads the same): an absent entry is made if the request has NLM_F_CREATE,
 * whatever else it has, and is ENOENT otherwise; NLM_F_REPLACE alone makes none and changes nothing about the rest,
 * because there is no link-layer address to replace; NLM_F_EXCL with NLM_F_CREATE refuses an entry that exists. So
 * only "use" and "permanent" carry NLM_F_CREATE.
 *
 * Each change takes an entry out of the state PERMANENT, "use" included: leave the administrator's entries alone.
 * Entries can be changed while the interface is down, but `ip link set down` deletes all, PERMANENT ones too; a loss of carrier
 * leaves those.
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
 * - `fail` (`ip neigh change X nud failed`): the next packet to the address is preceded by a request that is broadcast at
 *   once. Packets that wait for the answer to an earlier request are dropped. Makes no entry.
 * - `use` (`ip neigh replace X use`): resolution starts as if a packet went there. A new or FAILED entry becomes INCOMPLETE
 *   and a request is broadcast at once, a STALE one becomes DELAY and is probed later, others stay.
 * - `permanent`: makes the entry, or the one that is there, PERMANENT: the kernel sends without a request. `ip neigh
 *   flush` and the collection of old entries leave it.
 * - `stale`: the kernel goes on to use the entry and probes it some seconds after the next packet. For valid entries only:
 *   one that is INCOMPLETE or FAILED becomes valid too. Makes no entry.
 * - `delete`: in any state.
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
 * The entry or the interface has gone meanwhile; EINVAL says that there is no IPv6 on the interface any more, as after
 * an MTU below 1280, which takes its entries with it.
 */
function isGone({ errno }: Refusal): boolean {
  return errno === Errno.ENOENT || errno === Errno.ENODEV ||
    errno === Errno.EINVAL;
}

/** What became of the changes of one call; the rest was done. */
export interface NeighbourRefusals {
  /** Entries, or the interface, had gone. */
  readonly gone: number;
  /** Refused for another reason, as ENOBUFS where the table is full. */
  readonly refused: number;
}

/**
 * The same change for many addresses: two system calls for 64 of them, and one for
 * each that the kernel refuses. Never throws.
 */
export function changeNeighbours(
  socket: RequestSocket,
  ifindex: number,
  addresses: readonly IpAddress[],
  what: NeighbourChange,
): NeighbourRefusals {
  const refusals = socket.post(
    addresses.map((address) => changeRequest(what, ifindex, address)),
  );
  const gone = refusals.filter(isGone).length;
  return { gone, refused: refusals.length - gone };
}
