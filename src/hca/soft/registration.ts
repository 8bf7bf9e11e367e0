/**
 * The port as the subnet manager knows it: its attributes, the fabric map, its group memberships, its MADs.
 *
 * What a manager says replaces what the one before said; while there is none everything stays as it was.
 */

import { formatGuid } from "../../base/hex.ts";
import type { IpoibError } from "../../base/errors.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import { newLinkSecret } from "../../subnet/link_token.ts";
import { type FaultSettings, NO_FAULTS } from "../../subnet/fault_messages.ts";
import type {
  LastKnown,
  ManagerMessage,
  SubnetEvent,
  SubnetSnapshot,
} from "../../subnet/messages.ts";
import type { MadAddress } from "../../wire/mad.ts";
import type { PortAttributes, PortEvent } from "../hca.ts";
import { ForwardingTables, OLD_TABLES_MS } from "./forwarding_tables.ts";
import { ManagerLink } from "./manager_link.ts";
import { JoinedGroups } from "./joined_groups.ts";
import { managerSocketPath } from "../../subnet/sockets.ts";
import { configured, unconfigured } from "./port_attributes.ts";

/** Requests for a snapshot that may wait for the manager's answer. */
const MAX_SHOWN = 64;

/** Who registers. */
export interface RegistrationOptions {
  /** The folder of the subnet. */
  directory: string;
  /** The subnet's name, for show. */
  subnet: string;
  /** The GUID to ask for. */
  guid: bigint;
  /** True if no other will do. */
  guidFixed: boolean;
  /** The interface, for show. */
  name: string;
  subnetMtu?: 2048 | 4096;
  /** There is no subnet manager, or (`silent`) it does not answer: another one is needed, which begins with this. */
  onManagerMissing: (lastKnown: LastKnown, silent: boolean) => void;
}

/** What the port does when it hears from the manager. */
export interface RegistrationListener {
  onMad(mad: Uint8Array, from: MadAddress): void;
  onEvent(event: PortEvent): void;
  /** The GUID by which peers find the port was granted. */
  onGuid(guid: string): void;
  /** Ports, LIDs or partitions may have changed, the port's own among them. */
  onFabric(): void;
  /** The packet faults that a port with this GUID is to follow. */
  onFaults(faults: FaultSettings, guid: string): void;
  /** A call failed that the connection to the manager needed: it is made anew. */
  failed(error: IpoibError): void;
}

export class Registration {
  readonly fabric = new ForwardingTables();
  /** Of which the manager makes the tokens of links to the port. */
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
          this.#memberships.received(mad, this.#attributes.gid);
          listener.onMad(mad, from);
        },
        onMissing: (silent) =>
          options.onManagerMissing(
            { ...this.fabric.known(), faults: this.#faults },
            silent,
          ),
        failed: listener.failed,
      },
    );
  }

  get attributes(): PortAttributes {
    return this.#attributes;
  }

  /** Begins to look for a manager. */
  start(): void {
    this.#link.connect();
  }

  sendMad(mad: Uint8Array, to: MadAddress): void {
    this.#memberships.sent(mad);
    this.#link.sendMad(mad, to);
  }

  /** Asks the manager for what `ipoib subnet show` prints: the next one, while there is none. */
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
        // First, because it may fail: then the port registers again.
        this.#listener.onGuid(message.guid);
        const before = this.#attributes;
        this.#attributes = configured(before, message);
        this.fabric.replace(message.fabric);
        this.#graceTimer.at(this.#reactor.clock.now() + OLD_TABLES_MS);
        this.#listener.onFabric();
        // A LID that changed at the second registration is told by an event of its own.
        if (before.state !== "active") {
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
      case "faults":
        this.#faults = message.settings;
        this.#listener.onFaults(
          message.settings,
          formatGuid(this.#attributes.portGuid),
        );
        this.#link.faultsTaken(message.settings.version);
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

/** What an event says of the port's state. */
function portState(
  event: SubnetEvent["event"],
): Partial<Pick<PortAttributes, "state" | "physState">> {
  if (event === "port_error") return { state: "down", physState: "Polling" };
  return event === "port_active"
    ? { state: "active", physState: "LinkUp" }
    : {};
}
