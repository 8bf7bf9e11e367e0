/** Removal of neighbours by the user, from this program's table and from the kernel's. */

import type { Netdev } from "../../netdev/netdev.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type { NeighbourTable } from "./neighbour_table.ts";

/** The neighbours of one interface. */
export interface InterfaceNeighbours {
  readonly netdev: Pick<Netdev, "config">;
  readonly neighbours: NeighbourTable;
}

/**
 * Removes the neighbour `address`, or all neighbours of the kernel's table, from both tables. Keeps PERMANENT entries of
 * the kernel. Returns the number of removed kernel entries.
 */
export function flushNeighbours(
  { netdev, neighbours }: InterfaceNeighbours,
  address?: IpAddress,
): number {
  const kernel = netdev.config.neighbours;
  const entries = kernel.list().filter((each) =>
    each.state !== "PERMANENT" &&
    (address === undefined || address.equals(each.address))
  );
  for (const { address } of entries) neighbours.delete(address);
  return entries.length;
}

/** True if the kernel has an entry of an address, or if it is a static neighbour. */
export function hasNeighbour(
  { netdev, neighbours }: InterfaceNeighbours,
  address: IpAddress,
): boolean {
  return neighbours.find(address)?.isStatic === true ||
    netdev.config.neighbours.list().some((each) =>
      each.address.equals(address)
    );
}

/** Removes a neighbour from both tables, also a static one. Returns false if neither has it. */
export function deleteNeighbour(
  { netdev, neighbours }: InterfaceNeighbours,
  address: IpAddress,
): boolean {
  const kernel = netdev.config.neighbours;
  const known = kernel.list().some((each) => each.address.equals(address));
  if (!known) return neighbours.forget(address);
  neighbours.delete(address);
  return true;
}
