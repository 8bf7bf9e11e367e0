/**
 * Connected mode of an interface: its mode, and its connections in both directions.
 *
 * An interface on a port with connection management accepts connections in both modes, as ib_ipoib does. The mode
 * determines only how it sends.
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { ConnectionManager } from "../../cm/connection_manager.ts";
import type { HcaPort } from "../../hca/hca.ts";
import type { UdQp } from "../../hca/ud_qp.ts";
import type { Netdev } from "../../netdev/netdev.ts";
import type { Reactor } from "../../system/reactor.ts";
import { MAX_PASSIVE_CONNECTIONS } from "../constants.ts";
import type { DebugLog } from "../debug_log.ts";
import type { InterfaceEvents } from "../interface_events.ts";
import type { LinkIdentity } from "../link_identity.ts";
import type { PeerTable } from "../peer.ts";
import type { PacketSender } from "../packet_sender.ts";
import { ActiveConnections } from "./active_connections.ts";
import { PassiveConnections } from "./passive_connections.ts";

/** Mode of an interface. */
export type Mode = "datagram" | "connected";

/** Dependencies of {@linkcode ConnectedMode}. */
export interface ConnectedModeParts {
  readonly reactor: Reactor;
  readonly port: HcaPort;
  /** The connection manager of the port; undefined if it has none. */
  readonly connections: ConnectionManager | undefined;
  readonly netdev: Pick<Netdev, "config">;
  readonly peers: PeerTable;
  readonly sender: PacketSender;
  readonly identity: LinkIdentity;
  readonly log: Logger;
  readonly debug: DebugLog;
  readonly events: InterfaceEvents;
  /** Maximum number of passive connections. Default: MAX_PASSIVE_CONNECTIONS. */
  readonly maxConnections?: number | undefined;
}

export class ConnectedMode {
  /** Connections to peers; undefined if the port has no connection management. */
  readonly active: ActiveConnections | undefined;
  /** Connections of other hosts; undefined if the port has no connection management. */
  readonly passive: PassiveConnections | undefined;
  /** Called after a change of the mode. */
  onMode: () => void = () => {};
  readonly #parts: ConnectedModeParts;
  #mode: Mode = "datagram";

  constructor(parts: ConnectedModeParts) {
    this.#parts = parts;
    const { reactor, port, connections, peers, sender } = parts;
    const { identity, debug, events } = parts;
    if (!connections) return;
    const common = { reactor, port, connections, identity, debug, events };
    const active = new ActiveConnections({
      ...common,
      sender,
      enabled: () => this.#mode === "connected",
      setEgress: (peer, egress) => peers.setEgress(peer, egress),
      lost: (peer) => peers.lost(peer),
    });
    peers.egressOf = (peer, route) => active.egressOf(peer, route);
    this.active = active;
    this.passive = new PassiveConnections({
      ...common,
      peers,
      statistics: sender.statistics,
      limit: parts.maxConnections ?? MAX_PASSIVE_CONNECTIONS,
    });
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** Why the interface cannot use connected mode; undefined if it can. */
  get obstacle(): string | undefined {
    const { connectionManagement } = this.#parts.port.attributes.capabilities;
    return connectionManagement === true ? undefined : connectionManagement;
  }

  /**
   * Sets the mode and moves all flows to it (Linux ipoib_set_mode). Does nothing if it is the current one. Throws
   * `E_MODE` (EINVAL) for connected mode on a port without connection management.
   */
  setMode(mode: Mode): void {
    if (mode === this.#mode) return;
    this.check(mode);
    const { log, peers } = this.#parts;
    this.#mode = mode;
    if (mode === "connected") {
      log.warn("enabling connected mode will cause multicast packet drops");
    }
    this.onMode();
    peers.updateEgresses();
  }

  /**
   * Throws `E_MODE` (EINVAL) for connected mode on a port without connection management.
   *
   * @param name interface that the error names, by default this one
   */
  check(mode: Mode, name = this.#parts.netdev.config.name): void {
    if (mode === "datagram" || this.active) return;
    throw new IpoibError(
      "E_MODE",
      `${name} cannot use connected mode: ${
        this.obstacle ?? "its port has no connection manager"
      }`,
      { errno: Errno.EINVAL, hint: "use datagram mode" },
    );
  }

  /** Sets the queue pair that receives the messages of connections, or none. */
  attach(qp: UdQp | undefined): void {
    if (this.active) this.active.receiver = qp;
  }

  /** Accepts connections. Called when the link starts. */
  open(): void {
    const receiver = this.active?.receiver;
    if (receiver) this.passive?.listen(receiver);
  }

  /** Ends the connections of other hosts. Those to peers end with the routes of the peers. */
  close(): void {
    this.passive?.stop();
  }

  /** Ends all connections and closes the timers. */
  dispose(): void {
    this.active?.close();
    this.passive?.close();
  }
}
