/**
 * Selects the kernel memberships to join, up to the limit: the all-hosts groups first, then groups that were selected
 * before, then others in the kernel's order.
 *
 * A user may have very many memberships. One that is not selected costs only comparisons and a table lookup.
 */

import type { IpAddress } from "../../wire/ip_address.ts";
import { AddressTable } from "../address_table.ts";

export class WantedGroups {
  readonly #limit: number;
  #chosen = new AddressTable<IpAddress>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Selects from the kernel's memberships; `isFirst` returns true for the all-hosts groups. */
  choose(
    memberships: readonly IpAddress[],
    isFirst: (group: IpAddress) => boolean,
  ): IpAddress[] {
    const before = this.#chosen;
    const chosen = new AddressTable<IpAddress>();
    const take = (group: IpAddress) => {
      if (chosen.size < this.#limit) chosen.set(group, group);
    };
    memberships.filter(isFirst).forEach(take);
    for (const group of memberships) {
      if (before.get(group)) take(group);
    }
    for (const group of memberships) {
      if (chosen.size >= this.#limit) break;
      take(group);
    }
    this.#chosen = chosen;
    return chosen.values();
  }

  /** Clears the selection. Called when the link ends and all groups are left. */
  clear(): void {
    this.#chosen.clear();
  }
}
