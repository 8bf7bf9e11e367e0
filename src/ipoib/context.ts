/** What every interface of a port shares: the loop, the port, the subnet administrator. */

import type { HcaPort } from "../hca/hca.ts";
import type { SaClient } from "../sa/client.ts";
import type { Reactor } from "../system/reactor.ts";

export interface EngineContext {
  readonly reactor: Reactor;
  readonly port: HcaPort;
  readonly sa: SaClient;
  /** From 0 to 1; an argument so that tests can repeat a run. */
  readonly random: () => number;
}
