/** A port that is registered with the subnet manager and can open links, without an HCA. */

import { assertEquals } from "@std/assert";
import type { MembershipRequest } from "../../../src/sa/requests.ts";
import { newLinkSecret } from "../../../src/subnet/link_token.ts";
import {
  PROTOCOL_VERSION,
  type Welcome,
} from "../../../src/subnet/messages.ts";
import {
  decodeManagerFrame,
  encodeControl,
  encodeMad,
} from "../../../src/subnet/protocol.ts";
import { gidFrom } from "../../../src/wire/gid.ts";
import { gsiAddress, MadView, Method } from "../../../src/wire/mad.ts";
import { McMemberRecord } from "../../../src/wire/sa/mc_member_record.ts";
import { SaAttribute, SaMad } from "../../../src/wire/sa/sa_mad.ts";
import type { Lab } from "./lab.ts";
import { RawConnection } from "./sockets.ts";

export class RoguePort implements Disposable {
  readonly guid: string;
  readonly lid: number;
  /** Connection to the manager. Disposal removes the port from the subnet. */
  readonly manager: RawConnection;
  readonly #folder: string;
  readonly #welcome: Welcome;

  static async register(lab: Lab, guid: string): Promise<RoguePort> {
    const folder = `${lab.runtime}/subnet/default`;
    const manager = RawConnection.connect(`${folder}/sm.sock`);
    manager.send(encodeControl({
      type: "hello",
      version: PROTOCOL_VERSION,
      guid,
      name: "rogue",
      pid: 1,
      secret: newLinkSecret(),
    }));
    for (;;) {
      const frame = await receive(manager);
      if (frame?.kind !== "control") continue;
      if (frame.message.type !== "welcome") continue;
      return new RoguePort(folder, manager, frame.message);
    }
  }

  private constructor(
    folder: string,
    manager: RawConnection,
    welcome: Welcome,
  ) {
    this.guid = welcome.guid;
    this.lid = welcome.lid;
    this.manager = manager;
    this.#folder = folder;
    this.#welcome = welcome;
  }

  /** Returns the path of the socket of the port with this GUID. */
  socket(guid: string): string {
    return `${this.#folder}/port-${guid.slice(2)}.sock`;
  }

  /** Returns the token for links to the port with this GUID. */
  token(guid: string): string {
    return this.#welcome.fabric.ports.find((port) => port.guid === guid)!.token;
  }

  get gid(): Uint8Array {
    return gidFrom(BigInt(this.#welcome.subnetPrefix), BigInt(this.guid));
  }

  /** Joins a group, and checks that the administrator accepts it. */
  async join({ record, mask }: MembershipRequest): Promise<void> {
    const request = SaMad.of({
      method: Method.Set,
      transactionId: 1n,
      attributeId: SaAttribute.McMemberRecord,
      componentMask: mask,
      data: McMemberRecord.emit(record),
    });
    this.manager.send(
      encodeMad(SaMad.emit(request), gsiAddress(this.#welcome.smLid)),
    );
    for (;;) {
      const frame = await receive(this.manager);
      if (frame?.kind !== "mad") continue;
      const { method, status } = MadView.of(frame.mad);
      if (method !== Method.GetResp) continue;
      assertEquals(status, 0);
      return;
    }
  }

  [Symbol.dispose](): void {
    this.manager[Symbol.dispose]();
  }
}

/** Returns the next frame, undefined if it is malformed. */
async function receive(manager: RawConnection) {
  const received = await manager.receive();
  if (!received) throw new Error("The manager closed the connection");
  return decodeManagerFrame(received.bytes);
}
