/**
 * Changing entries of the kernel's neighbour table: one at a time, acknowledged, or many without acknowledgement.
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

import { Errno } from "../../system/errno.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import { type MessageBuilder, NLM_F_ACK, NLM_F_CREATE } from "./message.ts";
import {
  neighbourRequest,
  NeighbourState,
  RTM_DELNEIGH,
  RTM_NEWNEIGH,
} from "./neighbour.ts";
import { type Refusal, refusalError, type RequestSocket } from "./socket.ts";

const NTF_USE = 0x01;

/** See the function of each; "use" is {@linkcode useNeighbour}. */
export type NeighbourChange = "fail" | "use" | "permanent" | "stale" | "delete";

function changeRequest(
  change: NeighbourChange,
  ifindex: number,
  address: IpAddress,
  flags: number,
): MessageBuilder {
  const set = (state: number, more = 0, entryFlags = 0) =>
    neighbourRequest(
      RTM_NEWNEIGH,
      flags | more,
      ifindex,
      address,
      state,
      entryFlags,
    );
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
      return neighbourRequest(RTM_DELNEIGH, flags, ifindex, address, 0);
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

function change(
  socket: RequestSocket,
  ifindex: number,
  address: IpAddress,
  what: NeighbourChange,
): boolean {
  const refused = socket.exchange(
    changeRequest(what, ifindex, address, NLM_F_ACK),
  );
  if (!refused) return true;
  if (isGone(refused)) return false;
  throw refusalError(
    refused,
    "E_NEIGHBOUR_SET",
    `change neighbour ${address} of network interface ${ifindex} (${what})`,
  );
}

/**
 * Sets an entry FAILED (`ip neigh change X nud failed`): the next packet to it asks by broadcast at once. Packets that
 * wait for the answer to an earlier request are dropped. Returns false, and makes no entry, if there was none or if the
 * interface (or IPv6 on it) has gone; throws `E_NEIGHBOUR_SET` for any other refusal.
 */
export function failNeighbour(
  socket: RequestSocket,
  ifindex: number,
  address: IpAddress,
): boolean {
  return change(socket, ifindex, address, "fail");
}

/**
 * Has the kernel resolve an address as if a packet went there (`ip neigh replace X use`): a new or FAILED entry becomes
 * INCOMPLETE and is asked for by broadcast at once, a STALE one becomes DELAY and is probed later, others stay.
 * Returns false if the interface (or IPv6 on it) has gone; throws `E_NEIGHBOUR_SET`, with ENOBUFS where the table is full.
 */
export function useNeighbour(
  socket: RequestSocket,
  ifindex: number,
  address: IpAddress,
): boolean {
  return change(socket, ifindex, address, "use");
}

/**
 * Makes an entry, or the one that is there, PERMANENT: the kernel sends without asking. `ip neigh flush` and the
 * collection of old entries leave it. Returns and throws as {@linkcode useNeighbour}.
 */
export function setPermanent(
  socket: RequestSocket,
  ifindex: number,
  address: IpAddress,
): boolean {
  return change(socket, ifindex, address, "permanent");
}

/**
 * Sets an entry STALE: the kernel goes on to use it and probes it some seconds after the next packet. For valid entries
 * only: one that is INCOMPLETE or FAILED becomes valid too. Returns and throws as {@linkcode failNeighbour}.
 */
export function staleNeighbour(
  socket: RequestSocket,
  ifindex: number,
  address: IpAddress,
): boolean {
  return change(socket, ifindex, address, "stale");
}

/** Deletes an entry, in any state. Returns and throws as {@linkcode failNeighbour}. */
export function deleteNeighbour(
  socket: RequestSocket,
  ifindex: number,
  address: IpAddress,
): boolean {
  return change(socket, ifindex, address, "delete");
}

/** What became of the changes of one call; the rest was done. */
export interface NeighbourRefusals {
  /** Entries, or the interface, had gone. */
  readonly gone: number;
  /** Refused for another reason, as ENOBUFS where the table is full. */
  readonly refused: number;
}

/**
 * The same change for many addresses without waiting for acknowledgements: two system calls for 64 of them, and one for
 * each that the kernel refuses. Never throws.
 */
export function changeNeighbours(
  socket: RequestSocket,
  ifindex: number,
  addresses: readonly IpAddress[],
  what: NeighbourChange,
): NeighbourRefusals {
  const refusals = socket.post(
    addresses.map((address) => changeRequest(what, ifindex, address, 0)),
  );
  const gone = refusals.filter(isGone).length;
  return { gone, refused: refusals.length - gone };
}
