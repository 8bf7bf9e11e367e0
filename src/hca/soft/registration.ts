/**
 * The registration of a port with the subnet manager: the attributes and forwarding tables that the manager assigns,
 * the group memberships, and the exchange of MADs.
 *
 * The state received from a manager replaces that of its predecessor; only the old forwarding tables stay in use for a
 * while (forwarding_tables.ts). Without a manager the state stays unchanged.
 */

import { formatGuid } from "../../base/hex.ts";
import type { IpoibError } from "../../base/errors.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import { newLinkSecret } from "../../subnet/link_token.ts";
import {
  type FaultRule,
  type FaultSettings,
  NO_FAULTS,
  ruleFor,
} from "../../subnet/fault_messages.ts";
import { isSet, type PortSetting } from "../../subnet/port_settings.ts";
import type {
  LastKnown,
  ManagerMessage,
  SubnetEvent,
  SubnetSnapshot,
} from "../../subnet/messages.ts";
import type { MadAddress } from "../../wire/mad.ts";
import type { PortEvent } from "../hca.ts";
import type { PortAttributes } from "../port_attributes.ts";
import { ForwardingTables, OLD_TABLES_MS } from "./forwarding_tables.ts";
import { ManagerLink } from "./manager_link.ts";
import { JoinedGroups } from "./joined_groups.ts";
import { managerSocketPath } from "../../subnet/sockets.ts";
import { ACTIVE, configured, DOWN, unconfigured } from "./port_attributes.ts";

/** Maximum number of unanswered snapshot requests; a further one drops the oldest. */
const MAX_SHOWN = 64;

/** The identity with which a port registers. */
export interface RegistrationOptions {
  /** The directory of the subnet. */
  directory: string;
  /** Name of the subnet, for display. */
  subnet: string;
  /** The port GUID to request. */
  guid: bigint;
  /** True if the port must not register with another GUID. */
  guidFixed: boolean;
  /** Name of the interface, for display. */
  name: string;
  /** IB MTU in bytes that the subnet must have. */
  subnetMtu?: 2048 | 4096;
  /**
   * Called while there is no subnet manager, or (`silent`) when it does not answer. A new manager is to start from
   * `lastKnown`.
   */
  onManagerMissing: (lastKnown: LastKnown, silent: boolean) => void;
  /** Called each time the port has registered with a manager. */
  onRegistered?: () => void;
  /** Called with the packet faults of this port when the subnet manager has sent its settings. */
  onFaultRule?: (rule: FaultRule | undefined) => void;
}

/** The port's callbacks for messages of the manager. */
export interface RegistrationListener {
  onMad(mad: Uint8Array, from: MadAddress): void;
  onEvent(event: PortEvent): void;
  /** Called when a manager has granted a GUID, under which peers look up the port's socket. */
  onGuid(guid: string): void;
  /** Called when ports, LIDs or P_Key tables may have changed, including the port's own. */
  onFabric(): void;
  /** Called when the subnet's packet faults have changed; the port must apply the rule for this GUID. */
  onFaults(faults: FaultSettings, guid: string): void;
  /** Called after a system call for the connection to the manager failed. The connection is retried. */
  failed(error: IpoibError): void;
}

/** The registration of one port with the current subnet manager. */
export class Registration {
  readonly fabric = new ForwardingTables();
  /** The secret from which the manager derives the tokens of links to the port. */
  readonly secret = newLinkSecret();
  #attributes: PortAttributes;
  readonly #reactor: Reactor;
  readonly #options: RegistrationOptions;
  readonly #listener: RegistrationListener;
  readonly #memberships = new JoinedGroups();
  readonly #link: ManagerLink;
  readonly #graceTimer: Timer;
  readonly #shown = new Map<number, (subnet: SubnetSnapshot) => void>();
  #nextShow = 1;
  #faults = NO_FAULTS;
  /** The settings of all ports by GUID, for the next manager. */
  readonly #settings = new Map<string, PortSetting>();
  #registered = false;

  constructor(
    reactor: Reactor,
    options: RegistrationOptions,
    listener: RegistrationListener,
  ) {
    this.#reactor = reactor;
    this.#options = options;
    this.#listener = listener;
    this.#attributes = unconfigured(options.subnet, options.guid);
    this.#graceTimer = reactor.timer(() => {
      this.fabric.forgetOld();
      listener.onFabric();
    });
    this.#link = new ManagerLink(
      reactor,
      managerSocketPath(options.directory),
      {
        hello: () => this.#hello(),
        memberships: () => this.#registered ? this.#memberships.list() : [],
        onMessage: (message) => this.#onMessage(message),
        onMad: (mad, from) => {
          this.#memberships.received(mad, from, this.#attributes);
          listener.onMad(mad, from);
        },
        onMissing: (silent) => {
          // Without a manager, no port can register, so the next one must know the old tables too.
          this.#graceTimer.at(Infinity);
          options.onManagerMissing(
            {
              ...this.fabric.known(),
              faults: this.#faults,
              settings: [...this.#settings.values()],
            },
            silent,
          );
        },
        failed: listener.failed,
      },
    );
  }

  get attributes(): PortAttributes {
    return this.#attributes;
  }

  /** Connects to the manager, and reconnects whenever the connection ends. */
  start(): void {
    this.#link.connect();
  }

  /** Sends a 256-byte MAD through the manager. Returns false if it is dropped: see {@linkcode ManagerLink.sendMad}. */
  sendMad(mad: Uint8Array, to: MadAddress): boolean {
    this.#memberships.sent(mad, this.#attributes);
    return this.#link.sendMad(mad, to);
  }

  /**
   * Requests a snapshot of the subnet (`ipoib subnet show`) from the manager, or from the next one if there is none.
   * `done` is never called if {@linkcode MAX_SHOWN} later requests are made before the reply.
   */
  show(done: (subnet: SubnetSnapshot) => void): void {
    const id = this.#nextShow++;
    if (this.#shown.size >= MAX_SHOWN) {
      const [oldest] = this.#shown.keys();
      this.#shown.delete(oldest!);
    }
    this.#shown.set(id, done);
    this.#link.show(id);
  }

  close(): void {
    this.#link.close();
    this.#graceTimer.close();
  }

  #hello() {
    const { name, guidFixed, subnetMtu } = this.#options;
    return {
      guid: formatGuid(this.#attributes.portGuid),
      name,
      pid: Deno.pid,
      ...(guidFixed ? { guidFixed: true } : {}),
      secret: this.secret,
      ...(subnetMtu ? { subnetMtu } : {}),
      ...(this.#registered ? { lid: this.#attributes.lid } : {}),
    };
  }

  #onMessage(message: ManagerMessage): void {
    switch (message.type) {
      case "welcome": {
        // First, because listening may fail; the port then registers again.
        this.#listener.onGuid(message.guid);
        this.#options.onRegistered?.();
        const before = this.#attributes;
        this.#attributes = configured(before, message);
        if (message.down) this.#memberships.clear();
        this.fabric.replace(message.fabric);
        // The manager sends its settings after the welcome.
        this.#settings.clear();
        this.#graceTimer.at(this.#reactor.clock.now() + OLD_TABLES_MS);
        this.#listener.onFabric();
        // A LID that changes with a repeated registration is reported by the manager's own event.
        if (before.state !== "active" && !message.down) {
          this.#listener.onEvent({ type: "port_active" });
        }
        this.#registered = true;
        for (const id of this.#shown.keys()) this.#link.show(id);
        return;
      }
      case "refused":
        this.#listener.onEvent({
          type: "device_fatal",
          reason: message.hint
            ? `${message.message} (${message.hint})`
            : message.message,
        });
        return;
      case "fabric":
        this.fabric.update(message);
        this.#listener.onFabric();
        return;
      case "event":
        if (message.event === "port_error") this.#memberships.clear();
        this.#attributes = {
          ...this.#attributes,
          ...(message.lid === undefined ? {} : { lid: message.lid }),
          ...(message.smLid === undefined ? {} : { smLid: message.smLid }),
          ...(message.pkeys === undefined ? {} : { pkeys: message.pkeys }),
          ...portState(message.event),
        };
        this.#listener.onFabric();
        this.#listener.onEvent({ type: message.event });
        return;
      case "faults": {
        const guid = formatGuid(this.#attributes.portGuid);
        this.#faults = message.settings;
        this.#listener.onFaults(message.settings, guid);
        this.#options.onFaultRule?.(ruleFor(message.settings, guid));
        this.#link.faultsTaken(message.settings.version);
        return;
      }
      case "port_settings":
        for (const setting of message.settings) {
          if (isSet(setting)) this.#settings.set(setting.guid, setting);
          else this.#settings.delete(setting.guid);
        }
        return;
      case "show":
        this.#shown.get(message.id)?.(message.subnet);
        this.#shown.delete(message.id);
        return;
      case "pong":
        return;
    }
  }
}

/** Returns the port state that an event implies. */
function portState(
  event: SubnetEvent["event"],
): Partial<PortAttributes> {
  if (event === "port_error") return DOWN;
  return event === "port_active" ? ACTIVE : {};
}
