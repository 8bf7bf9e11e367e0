/** Opens the connection manager of a port, which all interfaces of the port share. */

import { getLogger } from "../base/log.ts";
import { ConnectionManager } from "../cm/connection_manager.ts";
import type { HcaPort } from "../hca/hca.ts";
import type { Reactor } from "../system/reactor.ts";
import { MgmtClass } from "../wire/mad.ts";

/**
 * Opens the manager with the port's agent of class ComMgt. Returns undefined if the port has no connection management.
 * Throws the errors of {@linkcode HcaPort.openMadAgent}.
 */
export function openConnections(
  reactor: Reactor,
  port: HcaPort,
  name: string,
): ConnectionManager | undefined {
  if (port.attributes.capabilities.connectionManagement !== true) return;
  return new ConnectionManager({
    reactor,
    port,
    agent: port.openMadAgent(MgmtClass.CommunicationManagement),
    log: getLogger(name),
  });
}
