/** The events of the embedded subnet that a port sees: its subnet manager, and the packet faults of the port. */

import type { InterfaceEvents } from "../ipoib/interface_events.ts";
import { ruleWords } from "../ipc/schema.ts";
import type { FaultRule } from "../subnet/fault_messages.ts";

const NO_FAULTS = "none";

export class SubnetEvents {
  readonly #events: InterfaceEvents;
  readonly #subnet: string;
  /** Undefined before the first registration. */
  #manager: "present" | "missing" | undefined;
  #faults = NO_FAULTS;

  /** @param subnet name of the subnet */
  constructor(events: InterfaceEvents, subnet: string) {
    this.#events = events;
    this.#subnet = subnet;
  }

  /** The subnet has no manager, or its manager does not answer. Only a manager that the port had is missed. */
  managerMissing(silent: boolean): void {
    if (this.#manager !== "present") return;
    this.#setManager(
      "missing",
      silent ? "it does not answer" : "the connection to it has ended",
    );
  }

  /** The port has registered with a manager. */
  registered(): void {
    const cause = this.#manager === undefined
      ? "the port has registered"
      : "the port has registered with another subnet manager";
    this.#setManager("present", cause);
  }

  /** The rule for the packets that the port sends is this one now. */
  faults(rule: FaultRule | undefined): void {
    const now = rule ? ruleWords(rule) : NO_FAULTS;
    const old = this.#faults;
    if (now === old) return;
    this.#faults = now;
    this.#events.add("fabric", "fault", () => ({
      subject: "packets of the port",
      old,
      new: now,
      cause: "set in the subnet manager",
    }));
  }

  #setManager(now: "present" | "missing", cause: string): void {
    const old = this.#manager;
    this.#manager = now;
    this.#events.add("fabric", "manager", () => ({
      subject: `subnet ${this.#subnet}`,
      old,
      new: now,
      cause,
    }));
  }
}
