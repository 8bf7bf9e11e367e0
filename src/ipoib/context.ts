/** Dependencies shared by all interfaces of a port: reactor, HCA port, subnet administration client, memberships. */

import type { EventSink } from "../base/event_sink.ts";
import type { ConnectionManager } from "../cm/connection_manager.ts";
import type { HcaPort } from "../hca/hca.ts";
import type { SaClient } from "../sa/client.ts";
import type { PortMemberships } from "../sa/port_memberships.ts";
import type { Reactor } from "../system/reactor.ts";

export interface EngineContext {
  readonly reactor: Reactor;
  readonly port: HcaPort;
  readonly sa: SaClient;
  /** Multicast memberships of the port, shared by its interfaces. */
  readonly memberships: PortMemberships;
  /** Connection manager of the port, shared by its interfaces; undefined if the port has no connection management. */
  readonly connections?: ConnectionManager | undefined;
  /** Takes the events of the interfaces; undefined if nothing takes them. */
  readonly events?: EventSink | undefined;
  /** Receive queue of an interface, in packets. Default: DEFAULT_RECV_QUEUE. */
  readonly recvQueueSize?: number | undefined;
  /** True if an interface has the default receive queue if the limit on locked memory does not allow its own. */
  readonly recvQueueShrinks?: boolean | undefined;
  /** Maximum number of connections of other hosts per interface. Default: MAX_PASSIVE_CONNECTIONS. */
  readonly maxConnections?: number | undefined;
  /** Maximum number of multicast groups per interface, broadcast group excluded. Default: DEFAULT_MAX_GROUPS. */
  readonly maxGroups?: number | undefined;
}
