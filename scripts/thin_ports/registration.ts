/** The registration of a thin port with the subnet manager. It does not survive the end of the manager. */

import { broadcastJoin } from "../../src/sa/requests.ts";
import {
  type Hello,
  PROTOCOL_VERSION,
  type Welcome,
} from "../../src/subnet/messages.ts";
import {
  decodeManagerFrame,
  encodeControl,
  encodeMad,
} from "../../src/subnet/protocol.ts";
import { managerSocketPath } from "../../src/subnet/sockets.ts";
import type { Fd } from "../../src/system/fd.ts";
import type { Reactor, Watch } from "../../src/system/reactor.ts";
import {
  connect,
  receive,
  send,
  takeWakes,
} from "../../src/system/unix_socket.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { gsiAddress, Method } from "../../src/wire/mad.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { SaAttribute, SaMad } from "../../src/wire/sa/sa_mad.ts";

export const DEFAULT_PKEY = 0xffff;
/** Maximum number of messages read at a time. */
const MESSAGES = 64;

export interface RegistrationOptions {
  readonly reactor: Reactor;
  readonly directory: string;
  readonly hello: Pick<Hello, "guid" | "name" | "secret">;
  /** True if the port joins the broadcast group of the default partition. */
  readonly joins: boolean;
  /** Called once, when the port is registered and has joined. */
  readonly registered: (welcome: Welcome) => void;
  /** Called if the manager refuses the port or has ended. */
  readonly failed: (error: Error) => void;
}

export class Registration {
  readonly #options: RegistrationOptions;
  readonly #connection: Fd;
  readonly #watch: Watch;
  #welcome: Welcome | undefined;
  #done = false;

  /** Throws if no manager listens. */
  constructor(options: RegistrationOptions) {
    const { reactor, directory, hello } = options;
    this.#options = options;
    const connection = connect(managerSocketPath(directory));
    if (!connection) throw new Error(`No subnet manager in ${directory}`);
    this.#connection = connection;
    this.#watch = reactor.watch(connection.number, () => this.#read());
    this.#send(encodeControl({
      type: "hello",
      version: PROTOCOL_VERSION,
      pid: Deno.pid,
      guidFixed: true,
      ...hello,
    }));
  }

  #send(frame: Uint8Array): void {
    send(this.#connection.number, frame as Uint8Array<ArrayBuffer>);
  }

  /** Reads messages. A registered port does not use the changes of the forwarding tables, and discards them. */
  #read(): void {
    const { number } = this.#connection;
    for (let i = 0; i < MESSAGES && !this.#done; i++) {
      const received = receive(number);
      if (received.type === "empty") return;
      if (received.type === "closed") return this.#end("has ended");
      this.#take(received.bytes);
    }
    if (this.#done && takeWakes(number, MESSAGES) < 0) this.#end("has ended");
  }

  #take(bytes: Uint8Array): void {
    const frame = decodeManagerFrame(bytes);
    if (frame?.kind === "mad") {
      const { status } = SaMad.parse(frame.mad)!;
      if (status !== 0) return this.#end(`refuses the join: ${status}`);
      return this.#finish();
    }
    const message = frame?.message;
    if (message?.type === "refused") {
      return this.#end(`refuses the port: ${message.message}`);
    }
    if (message?.type !== "welcome") return;
    this.#welcome = message;
    if (this.#options.joins) this.#join(message);
    else this.#finish();
  }

  #join({ guid, subnetPrefix, smLid }: Welcome): void {
    const gid = gidFrom(BigInt(subnetPrefix), BigInt(guid));
    const { record, mask } = broadcastJoin(
      broadcastMgid(DEFAULT_PKEY),
      gid,
      DEFAULT_PKEY,
    );
    const mad = SaMad.emit(SaMad.of({
      method: Method.Set,
      transactionId: 1n,
      attributeId: SaAttribute.McMemberRecord,
      componentMask: mask,
      data: McMemberRecord.emit(record),
    }));
    this.#send(encodeMad(mad, gsiAddress(smLid)));
  }

  #finish(): void {
    this.#done = true;
    this.#options.registered(this.#welcome!);
  }

  #end(why: string): void {
    this.#watch.close();
    this.#options.failed(new Error(`The subnet manager ${why}`));
  }
}
