/** What every interface of a port shares: the loop, the port, the subnet administrator, the address families. */

import type { HcaPort } from "../hca/hca.ts";
import type { AddressFamily } from "./family/address_family.ts";
import type { SaClient } from "../sa/client.ts";
import type { Memberships } from "../sa/memberships.ts";
import type { Reactor } from "../system/reactor.ts";

export interface EngineContext {
  readonly reactor: Reactor;
  readonly port: HcaPort;
  readonly sa: SaClient;
  /** Joins and leaves of the port's interfaces together. */
  readonly memberships: Memberships;
  /** The families that are carried, the most frequent one first; IPv4 alone unless told otherwise. */
  readonly families?: readonly AddressFamily[];
}
