/**
 * Which of the kernel's groups are joined, if they are more than may be: those that are joined stay as long as the kernel is a
 * member, and the group of all hosts comes before others.
 *
 * A user may be a member of very many groups. So each costs a look into a table of those that are joined, and nothing else.
 */

import type { IpAddress } from "../../wire/ip_address.ts";
import { AddressTable } from "../address_table.ts";

export class WantedGroups {
  readonly #most: number;
  #chosen = new AddressTable<IpAddress>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Chooses among the groups that the kernel is a member of; `isFirst` tells the group of all hosts. */
  choose(
    memberships: readonly IpAddress[],
    isFirst: (group: IpAddress) => boolean,
  ): IpAddress[] {
    const before = this.#chosen;
    const chosen = new AddressTable<IpAddress>();
    const take = (group: IpAddress) => {
      if (chosen.size < this.#most) chosen.set(group, group);
    };
    const first = memberships.find(isFirst);
    if (first) take(first);
    for (const group of memberships) {
      if (before.get(group)) take(group);
    }
    for (const group of memberships) {
      if (chosen.size >= this.#most) break;
      take(group);
    }
    this.#chosen = chosen;
    return chosen.values();
  }

  /** The link ends: all are left. */
  clear(): void {
    this.#chosen.clear();
  }
}
