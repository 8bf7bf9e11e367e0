/**
 * The port as the subnet manager knows it: its attributes, the fabric map, its group memberships, its MADs.
 *
 * What a manager says replaces what the one before said; when none is there everything stays as it was.
 */

import type { Reactor, Timer } from "../../system/reactor.ts";
import { type FaultSettings, NO_FAULTS } from "../../subnet/fault_messages.ts";
import type {
  FabricMap,
  ManagerMessage,
  SubnetEvent,
  SubnetSnapshot,
} from "../../subnet/messages.ts";
import { formatGuid } from "../../wire/gid.ts";
import type { MadAddress, PortAttributes, PortEvent } from "../hca.ts";
import { Fabric, GRACE_MS } from "./fabric.ts";
import { ManagerLink } from "./manager_link.ts";
import { Memberships } from "./memberships.ts";
import { configured, unconfigured } from "./port_attributes.ts";

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
  /** There is no subnet manager: somebody should become one. */
  onManagerMissing: (lastKnown: FabricMap) => void;
}

/** What the port does when it hears from the manager. */
export interface RegistrationListener {
  onMad(mad: Uint8Array, from: MadAddress): void;
  onEvent(event: PortEvent): void;
  /** The GUID by which peers find the port was granted. */
  onGuid(guid: string): void;
  /** LIDs of peers may have changed. */
  onFabric(): void;
  /** The packet faults that a port with this GUID is to follow. */
  onFaults(faults: FaultSettings, guid: string): void;
}

export class Registration {
  readonly fabric = new Fabric();
  #attributes: PortAttributes;
  readonly #reactor: Reactor;
  readonly #options: RegistrationOptions;
  readonly #listener: RegistrationListener;
  readonly #memberships = new Memberships();
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
    this.#graceTimer = reactor.timer(() => this.fabric.forgetOld());
    this.#link = new ManagerLink(reactor, `${options.directory}/sm.sock`, {
      hello: () => this.#hello(),
      onMessage: (message) => this.#onMessage(message),
      onMad: (mad, from) => {
        this.#memberships.received(mad, this.#attributes.gid);
        listener.onMad(mad, from);
      },
      onMissing: () => options.onManagerMissing(this.fabric.map()),
    });
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

  /** Asks the manager for what `ipoib subnet show` prints; while there is none the answer waits for the next one. */
  show(done: (subnet: SubnetSnapshot) => void): void {
    const id = this.#nextShow++;
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
      ...(subnetMtu ? { subnetMtu } : {}),
      ...(this.#registered
        ? {
          lid: this.#attributes.lid,
          memberships: this.#memberships.list(),
          ...(this.#faults.version > 0 ? { faults: this.#faults } : {}),
        }
        : {}),
    };
  }

  #onMessage(message: ManagerMessage): void {
    switch (message.type) {
      case "welcome": {
        const before = this.#attributes;
        this.#attributes = configured(before, message);
        this.fabric.replace(message.fabric);
        this.#graceTimer.at(this.#reactor.clock.now() + GRACE_MS);
        this.#listener.onGuid(message.guid);
        this.#listener.onFabric();
        // A LID that changed at the second registration is told by an event of its own.
        if (before.state !== "active") {
          this.#listener.onEvent({ type: "port_active" });
        }
        this.#registered = true;
        // What the manager before was asked, or nobody, is asked again.
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
