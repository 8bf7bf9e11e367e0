/**
 * The MADs that the manager receives and sends. It passes each received MAD to the administrator or to another port, or
 * drops it, with a counter and a log line. The MADs that it sends wait until the manager has sent the forwarding tables.
 */

import type { Millis } from "../base/units.ts";
import { MAD_BASE_VERSION, MadHeader, MgmtClass } from "../wire/mad.ts";
import { hex } from "../base/hex.ts";
import { SaMad } from "../wire/sa/sa_mad.ts";
import type { SubnetAdministrator } from "./administrator.ts";
import type { Drop, FrameDrops } from "./frame_drops.ts";
import { dropReason, isReached, managerAddress, relay } from "./gsi.ts";
import { SM_LID, type SubnetPort } from "./ports.ts";
import { encodeMad, type MadFrame } from "./protocol.ts";
import type { Subnet } from "./subnet.ts";

export interface MadExchangeParts {
  subnet: Subnet;
  administrator: SubnetAdministrator;
  drops: FrameDrops;
  send: (connection: number, frame: Uint8Array) => void;
}

export class MadExchange {
  readonly #parts: MadExchangeParts;
  #queue: { port: SubnetPort; mad: Uint8Array }[] = [];

  constructor(parts: MadExchangeParts) {
    this.#parts = parts;
  }

  /** Handles a MAD received on a connection. */
  receive(connection: number, frame: MadFrame, now: Millis): void {
    const { subnet, administrator, send } = this.#parts;
    const source = subnet.ports.byConnection(connection);
    const refused = dropReason(source, frame);
    if (source === undefined || refused !== undefined) {
      return this.#drop(source?.name ?? `connection ${connection}`, refused!);
    }
    if (frame.address.lid !== SM_LID) {
      const relayed = relay(subnet, source, frame);
      if (relayed !== undefined) {
        return send(relayed.port.connection, relayed.frame);
      }
      return this.#drop(source.name, {
        reason: "no_destination",
        text: `no port can receive it at LID ${hex(frame.address.lid)}`,
      });
    }
    const request = SaMad.parse(frame.mad);
    if (request === undefined) {
      return this.#drop(source.name, notSa(frame.mad));
    }
    const answer = administrator.handle(source, request, now);
    if (answer !== undefined) this.queue(source, answer);
  }

  /** Queues a MAD to a port for {@linkcode flush}. */
  queue(port: SubnetPort, mad: Uint8Array): void {
    this.#queue.push({ port, mad });
  }

  /** Sends the queued MADs to the ports that they can reach. */
  flush(): void {
    const mads = this.#queue;
    this.#queue = [];
    for (const { port, mad } of mads) {
      if (!isReached(port)) continue;
      this.#parts.send(port.connection, encodeMad(mad, managerAddress(port)));
    }
  }

  #drop(sender: string, { reason, text }: Drop): void {
    this.#parts.drops.add(reason);
    this.#parts.subnet.log("warning", `MAD from ${sender} dropped: ${text}`);
  }
}

/** Returns the reason why a MAD of 256 bytes is not one of the SA class. */
function notSa(mad: Uint8Array): Drop {
  const header = MadHeader.parse(mad);
  return header === undefined
    ? {
      reason: "mad_version",
      text: `the base version is ${mad[0]}, not ${MAD_BASE_VERSION}`,
    }
    : {
      reason: "mad_class",
      text: `the management class is ${hex(header.mgmtClass, 2)}, not ${
        hex(MgmtClass.SubnAdm, 2)
      }`,
    };
}
