/** A port by hand: registered with the subnet manager, so that it may open links. */

import { newLinkSecret } from "../../../src/subnet/link_token.ts";
import {
  PROTOCOL_VERSION,
  type Welcome,
} from "../../../src/subnet/messages.ts";
import {
  decodeManagerFrame,
  encodeControl,
} from "../../../src/subnet/protocol.ts";
import type { Lab } from "./lab.ts";
import { Stranger } from "./sockets.ts";

export class RoguePort implements Disposable {
  readonly guid: string;
  readonly lid: number;
  /** The connection to the manager; the port is gone when it ends. */
  readonly manager: Stranger;
  readonly #folder: string;
  readonly #welcome: Welcome;

  static async register(lab: Lab, guid: string): Promise<RoguePort> {
    const folder = `${lab.runtime}/subnet/default`;
    const manager = Stranger.connect(`${folder}/sm.sock`);
    manager.send(encodeControl({
      type: "hello",
      version: PROTOCOL_VERSION,
      guid,
      name: "rogue",
      pid: 1,
      secret: newLinkSecret(),
    }));
    for (;;) {
      const received = await manager.receive();
      if (!received) throw new Error("The manager hung up");
      const frame = decodeManagerFrame(received.bytes);
      if (frame?.kind !== "control") continue;
      if (frame.message.type !== "welcome") continue;
      return new RoguePort(folder, manager, frame.message);
    }
  }

  private constructor(folder: string, manager: Stranger, welcome: Welcome) {
    this.guid = welcome.guid;
    this.lid = welcome.lid;
    this.manager = manager;
    this.#folder = folder;
    this.#welcome = welcome;
  }

  /** Where a port is found. */
  socket(guid: string): string {
    return `${this.#folder}/port-${guid.slice(2)}.sock`;
  }

  /** The token for links to a port. */
  token(guid: string): string {
    return this.#welcome.fabric.ports.find((port) => port.guid === guid)!.token;
  }

  [Symbol.dispose](): void {
    this.manager[Symbol.dispose]();
  }
}
