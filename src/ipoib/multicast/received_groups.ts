/**
 * Finds the group of a received multicast packet, to count it.
 *
 * The HCA does not report the MGID of a packet, but its IP destination determines it (RFC 4391 section 4). The result is
 * cached by destination, because the mapping takes a key in text. All other packets to groups, ARP and IP broadcasts
 * among them, belong to the broadcast group.
 */

import { gidKey } from "../../wire/gid.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import { AddressTable } from "../address_table.ts";
import type { AddressFamily } from "../family/address_family.ts";
import { newTraffic, type Traffic } from "../traffic.ts";
import type { MulticastGroup } from "./multicast_group.ts";

/** Maximum number of destinations: IPv6 maps several of them to one MGID, so senders choose how many there are. */
const MAX_CACHED = 1024;

export class ReceivedGroups {
  readonly #broadcast: () => MulticastGroup | undefined;
  readonly #groups: ReadonlyMap<string, MulticastGroup>;
  readonly #cache = new AddressTable<Traffic>();
  readonly #words = new Int32Array(4);
  /** Traffic of packets to groups that the interface has left. */
  readonly #others = newTraffic();

  /**
   * @param broadcast returns the broadcast group
   * @param groups all groups, keyed by {@linkcode gidKey}
   */
  constructor(
    broadcast: () => MulticastGroup | undefined,
    groups: ReadonlyMap<string, MulticastGroup>,
  ) {
    this.#broadcast = broadcast;
    this.#groups = groups;
  }

  /** Returns the traffic of the group of the IP packet at `ip`. For the data path. */
  of(family: AddressFamily, view: DataView, ip: number): Traffic {
    if (!family.isToGroup(view, ip)) return this.broadcast;
    const words = this.#words;
    family.writeDestination(view, ip, words);
    return this.#cache.find(words[0]!, words[1]!, words[2]!, words[3]!) ??
      this.#find(family);
  }

  /** Traffic of the broadcast group. */
  get broadcast(): Traffic {
    return this.#broadcast()?.traffic ?? this.#others;
  }

  /** Called when a group is created or removed. */
  clear(): void {
    this.#cache.clear();
  }

  #find(family: AddressFamily): Traffic {
    const broadcast = this.#broadcast();
    if (!broadcast) return this.#others;
    const [w0, w1, w2, w3] = this.#words;
    const address = new IpAddress(w0!, w1!, w2!, w3!);
    const mgid = family.mgid(address, broadcast.mgid);
    const traffic = this.#groups.get(gidKey(mgid))?.traffic ?? this.#others;
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(address, traffic);
    return traffic;
  }
}
