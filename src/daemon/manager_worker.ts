/** Worker entry: the subnet manager of an embedded subnet. */

import { getLogger, type LogLevel } from "../base/log.ts";
import { PollReactor } from "../system/poll_reactor.ts";
import type { FabricMap } from "../subnet/messages.ts";
import type { ManagerInfo } from "../subnet/snapshot.ts";
import { ManagerHost } from "./manager/host.ts";
import { type Hosted, serve } from "./thread/worker_side.ts";

/** What the worker is started with. */
export interface ManagerInit {
  log: LogLevel;
  /** Where ports connect; nothing may be there. */
  socket: string;
  subnet: string;
  manager: ManagerInfo;
  subnetMtu?: number;
  /** What was known of the subnet under the manager before. */
  previous?: FabricMap;
}

serve<ManagerInit>(() => new PollReactor(), (init, reactor): Hosted => {
  const log = getLogger(`subnet ${init.subnet}`);
  const host = new ManagerHost(reactor, init.socket, {
    manager: init.manager,
    now: reactor.clock.now(),
    log: (level, text) => {
      if (level === "warning") log.warn(text);
      else log[level](text);
    },
    ...(init.subnetMtu === undefined ? {} : { subnetMtu: init.subnetMtu }),
    ...(init.previous === undefined ? {} : { previous: init.previous }),
  });
  return {
    command: (_name, _params, reply) => reply.ok(host.snapshot()),
    close: () => host.close(),
  };
});
