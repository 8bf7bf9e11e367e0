/**
 * The link of an interface: its start and end, its P_Key and queue pair, and its state.
 *
 * The link starts when the TAP is up, the port is active and the P_Key is in the port's table: the broadcast group is
 * joined. The group's record contains the Q_Key and the MTU of the link; then transmission starts and carrier is set.
 *
 * The queue pair, and with it the QPN, exists while the P_Key is in the port's table, and is kept while the P_Key keeps
 * its index, so that peers need no new address resolution after a port error or after the TAP was down (as in Linux
 * ipoib_transport_dev_init, ipoib_ib_dev_stop). If the device refuses to create it, or to restart it after an error, the
 * interface waits and creates another one (refusal.ts).
 */

import type { Logger } from "../base/log.ts";
import { formatPkey, type Millis } from "../base/units.ts";
import type { PortEvent } from "../hca/hca.ts";
import type { SendMemory } from "../hca/send_memory.ts";
import type { Netdev } from "../netdev/netdev.ts";
import { formatGid, gidEquals, gidGuid } from "../wire/gid.ts";
import { Carrier } from "./carrier.ts";
import type { DebugLog } from "./debug_log.ts";
import type { Engine, EngineOptions } from "./engine.ts";
import type { InterfaceEvents } from "./interface_events.ts";
import type { LinkIdentity } from "./link_identity.ts";
import { LinkLocal } from "./link_local.ts";
import { LinkQueuePair } from "./link_queue_pair.ts";
import type { InterfaceMtu } from "./mtu.ts";
import { findPkey, type PkeyChoice } from "./pkey_choice.ts";
import { PublishedState } from "./published_state.ts";

/** Dependencies of a {@linkcode Link}. */
export interface LinkParts {
  readonly context: EngineOptions;
  readonly netdev: Netdev;
  /** Memory of the slots that the queue pair sends. */
  readonly memory: SendMemory;
  readonly pkeyChoice: PkeyChoice;
  readonly identity: LinkIdentity;
  readonly engine: Engine;
  readonly mtu: InterfaceMtu;
  readonly log: Logger;
  readonly debug: DebugLog;
  readonly events: InterfaceEvents;
  /** Called after a change of the state. */
  readonly onState: (state: string) => void;
}

export class Link {
  readonly state: PublishedState;
  readonly queuePair: LinkQueuePair;
  readonly carrier: Carrier;
  readonly #parts: LinkParts;
  readonly #linkLocal: LinkLocal;
  /** True from the first join of the broadcast group on. */
  #started = false;
  #closed = false;
  /** The port's GID when it was last compared. */
  #gid: Uint8Array;

  constructor(parts: LinkParts) {
    this.#parts = parts;
    const { context, netdev, engine, identity, log, events } = parts;
    const { port, reactor, recvQueueSize, recvQueueShrinks } = context;
    this.#gid = port.attributes.gid;
    this.#linkLocal = new LinkLocal(netdev, reactor);
    this.carrier = new Carrier({ netdev, port, reactor, log, events });
    this.state = new PublishedState({
      ...{ identity, carrier: this.carrier, log, events },
      name: () => netdev.config.name,
      onChange: parts.onState,
    });
    this.queuePair = new LinkQueuePair({
      ...{ port, reactor, memory: parts.memory, engine, identity, log, events },
      ...{ recvQueueSize, recvQueueShrinks },
      endLink: () => this.end(),
      evaluate: () => this.evaluate(),
    });
    engine.groups.onBroadcast = ({ qkey }) =>
      this.state.during(
        "the broadcast group was joined",
        () => this.#startTransmit(qkey),
      );
    engine.groups.onMembership = () => this.#update();
    parts.mtu.onSet = () => this.#followLinkLocal();
  }

  /** Starts or ends the link to match the device, the port and the P_Key table. */
  evaluate(): void {
    if (this.#closed) return;
    const { context: { port: { attributes } }, netdev } = this.#parts;
    this.#followPkey(attributes.pkeys);
    if (this.#parts.identity.pkeyIndex < 0) this.queuePair.close();
    else if (attributes.lost === undefined) this.queuePair.open();
    const ready = this.queuePair.exists && netdev.config.up &&
      attributes.state === "active";
    if (!ready) this.end();
    else if (!this.#started) this.#start();
    this.#update();
  }

  /** Leaves groups and removes peers, paths and neighbours; keeps the queue pair. */
  end(): void {
    if (!this.#started) return;
    this.#started = false;
    const { engine, debug } = this.#parts;
    debug.general(() => "stopping interface");
    engine.close(this.#now());
    this.#update();
  }

  /** After a change of the port's GID, joins groups and queries paths with the new GID and announces the addresses. */
  followGid({ type }: PortEvent): void {
    const { context, engine, log } = this.#parts;
    const { gid } = context.port.attributes;
    if (gidEquals(gid, this.#gid)) return;
    this.#gid = gid;
    if (!this.#started) return;
    log.info(`port GID changed to ${formatGid(gid)}`);
    if (type !== "client_reregister") engine.refresh(this.#now());
    engine.announcements.clear();
    this.announce();
  }

  /** Announces the addresses of the interface that have not been announced, while the link is running. */
  announce(): void {
    if (this.state.isRunning) this.#parts.engine.announcements.follow();
  }

  /** Ends the link and closes the queue pair. */
  close(): void {
    this.#closed = true;
    this.queuePair.close();
    this.state.close();
    this.queuePair.dispose();
    this.carrier.close();
    this.#linkLocal.close();
  }

  /** Closes the queue pair if the P_Key or its index has changed. */
  #followPkey(table: readonly number[]): void {
    const { identity, pkeyChoice, debug } = this.#parts;
    const { pkey, index } = findPkey(pkeyChoice, table, identity.pkey);
    if (pkey !== identity.pkey || index !== identity.pkeyIndex) {
      this.queuePair.close();
    }
    if (index !== identity.pkeyIndex) {
      debug.decision(() =>
        index < 0
          ? `P_Key ${formatPkey(pkey)} is not in the port's table`
          : `P_Key ${formatPkey(pkey)} has index ${index} in the port's table`
      );
    }
    identity.pkey = pkey;
    identity.pkeyIndex = index;
  }

  #start(): void {
    this.#started = true;
    const { engine, identity, debug } = this.#parts;
    debug.general(() => "bringing up interface");
    engine.open(identity.broadcastMgid, this.#now());
  }

  /** Starts transmission. Called when the broadcast group is joined. */
  #startTransmit(qkey: number): void {
    const { engine, mtu } = this.#parts;
    engine.startTransmit(qkey, mtu.datagram);
    mtu.onJoin();
    this.#update();
    this.announce();
  }

  /** Publishes the state, and adds the link-local address when the link is running. */
  #update(): void {
    if (this.#closed) return;
    const { context: { port }, netdev, identity, pkeyChoice, engine } =
      this.#parts;
    this.state.update({
      up: netdev.config.up,
      port: port.attributes,
      pkey: identity.pkey,
      pkeyChoice,
      pkeyIndex: identity.pkeyIndex,
      refusal: this.queuePair.refusal,
      broadcast: engine.groups.broadcast,
    });
    this.#followLinkLocal();
  }

  /** Adds the link-local address while the link is running. */
  #followLinkLocal(): void {
    const { gid } = this.#parts.context.port.attributes;
    this.#linkLocal.follow(gidGuid(gid), this.state.isRunning);
  }

  #now(): Millis {
    return this.#parts.context.reactor.clock.now();
  }
}
