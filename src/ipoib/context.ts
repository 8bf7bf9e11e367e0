/** What every interface of a port shares: the loop, the port, the subnet administrator. */

import type { HcaPort } from "../hca/hca.ts";
import type { SaClient } from "../sa/client.ts";
import type { Memberships } from "../sa/memberships.ts";
import type { Reactor } from "../system/reactor.ts";

export interface EngineContext {
  readonly reactor: Reactor;
  readonly port: HcaPort;
  readonly sa: SaClient;
  /** Joins and leaves of the port's interfaces together. */
  readonly memberships: Memberships;
  /** Most multicast groups of one interface, beside its broadcast group. Default: DEFAULT_MAX_GROUPS. */
  readonly maxGroups?: number;
}
