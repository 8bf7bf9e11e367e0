/**
 * The messages that a hello causes. A port that is registered receives its welcome with the forwarding tables, the packet
 * faults and the port settings, and the other ports receive the changes. A port that was registered before also receives
 * the events on which it takes its LID and joins its groups again. A port that is refused receives the reason.
 */

import { formatGuid, hex } from "../base/hex.ts";
import { formatPid, type Millis } from "../base/units.ts";
import { TrapNumber } from "../wire/sa/notice.ts";
import type { FabricJournal } from "./fabric_journal.ts";
import type { FaultExchange } from "./fault_exchange.ts";
import {
  type ForeignHello,
  type Hello,
  type ManagerMessage,
  RefusalCode,
  type Refused,
} from "./messages.ts";
import { portText, type SubnetPort } from "./ports.ts";
import { refused, register } from "./registration.ts";
import type { SettingsExchange } from "./settings_exchange.ts";
import type { Subnet } from "./subnet.ts";
import type { Takeover } from "./takeover.ts";
import { welcomeMessages } from "./welcome.ts";

export interface HelloExchangeParts {
  readonly subnet: Subnet;
  readonly journal: FabricJournal;
  readonly takeover: Takeover;
  readonly faults: FaultExchange;
  readonly settings: SettingsExchange;
  readonly send: (connection: number, message: ManagerMessage) => void;
  /** Sends the collected changes of the forwarding tables to all ports but one. */
  readonly flushFabric: (except: SubnetPort) => void;
  /** Reports trap 64. */
  readonly notifyPort: (trap: number, port: SubnetPort) => void;
}

export class HelloExchange {
  readonly #parts: HelloExchangeParts;

  constructor(parts: HelloExchangeParts) {
    this.#parts = parts;
  }

  /** Handles the hello of a connection. */
  receive(
    connection: number,
    hello: Hello | ForeignHello,
    now: Millis,
  ): void {
    const { subnet } = this.#parts;
    const port = subnet.ports.byConnection(connection) === undefined
      ? register(subnet, connection, hello, now)
      : refused(
        RefusalCode.Protocol,
        "The port is already registered on this connection",
        "register on a new connection",
      );
    if ("type" in port) this.#refuse(connection, hello, port);
    else this.#welcome(port, hello as Hello, now);
  }

  #refuse(
    connection: number,
    hello: Hello | ForeignHello,
    refusal: Refused,
  ): void {
    const { subnet, send } = this.#parts;
    subnet.log("warning", `Port refused: ${refusal.message}`);
    subnet.record("member", () => ({
      subject: "guid" in hello ? portText(hello) : "port",
      new: "refused",
      cause: refusal.message,
    }));
    send(connection, refusal);
  }

  #welcome(port: SubnetPort, { lid: oldLid }: Hello, now: Millis): void {
    const { subnet, journal, takeover, faults, settings } = this.#parts;
    const { send, flushFabric, notifyPort } = this.#parts;
    const { connection } = port;
    subnet.record("member", () => ({
      subject: portText(port),
      old: oldLid === undefined ? undefined : `lid ${hex(oldLid)}`,
      new: `lid ${hex(port.lid)}`,
      cause: oldLid === undefined
        ? "the port has registered"
        : "the port has registered again",
    }));
    takeover.restorePort(port, now);
    if (port.active) journal.portAdded(port);
    flushFabric(port);
    for (const message of welcomeMessages(subnet, port)) {
      send(connection, message);
    }
    faults.registered(port);
    settings.registered(port);
    subnet.log(
      "info",
      `Port ${formatGuid(port.guid)} (${port.name}, ${
        formatPid(port.pid)
      }) has LID ${port.lid}`,
    );
    if (oldLid === undefined) {
      if (port.active) notifyPort(TrapNumber.GidInService, port);
      return;
    }
    if (oldLid !== port.lid) {
      send(connection, { type: "event", event: "lid_change", lid: port.lid });
    }
    send(connection, { type: "event", event: "client_reregister" });
  }
}
