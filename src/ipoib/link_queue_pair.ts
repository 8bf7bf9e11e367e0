/**
 * The queue pair of an interface, with its moderation.
 *
 * If the device refuses to create it, or to restart it after an error, that is a state of the interface: another queue
 * pair is created later (refusal.ts).
 */

import { IpoibError } from "../base/errors.ts";
import { hex } from "../base/hex.ts";
import { explain, type Logger } from "../base/log.ts";
import type { HcaPort } from "../hca/hca.ts";
import type { SendMemory } from "../hca/send_memory.ts";
import type { UdQp } from "../hca/ud_qp.ts";
import type { Reactor } from "../system/reactor.ts";
import { DEFAULT_RECV_QUEUE } from "./constants.ts";
import type { EngineContext } from "./context.ts";
import type { Engine } from "./engine.ts";
import type { LinkIdentity } from "./link_identity.ts";
import type { InterfaceEvents } from "./interface_events.ts";
import { Moderation } from "./moderation.ts";
import { Refusal } from "./refusal.ts";

/** Dependencies of a {@linkcode LinkQueuePair}. */
export interface QueuePairParts {
  readonly port: Pick<HcaPort, "createUdQp">;
  readonly reactor: Reactor;
  /** Memory of the slots that it sends. */
  readonly memory: SendMemory;
  /** See {@linkcode EngineContext}. */
  readonly recvQueueSize: EngineContext["recvQueueSize"];
  readonly recvQueueShrinks: EngineContext["recvQueueShrinks"];
  readonly engine: Pick<Engine, "attach" | "receiver">;
  readonly identity: LinkIdentity;
  readonly log: Logger;
  readonly events: InterfaceEvents;
  /** Ends the link before the queue pair is closed. */
  readonly endLink: () => void;
  /** Starts or ends the link, and opens the queue pair again; called when it was closed, or may be opened again. */
  readonly evaluate: () => void;
}

export class LinkQueuePair {
  /** Moderation of receive completions; survives a new queue pair. */
  readonly moderation: Moderation;
  readonly #parts: QueuePairParts;
  readonly #refusal: Refusal;
  #qp: UdQp | undefined;
  #size: number;
  /** True if the size is to be reduced if the limit on locked memory does not allow it. */
  #shrinks: boolean;

  constructor(parts: QueuePairParts) {
    const { reactor, engine: { receiver }, log } = parts;
    this.#parts = parts;
    this.#size = parts.recvQueueSize ?? DEFAULT_RECV_QUEUE;
    this.#shrinks = parts.recvQueueShrinks ?? false;
    this.#refusal = new Refusal(reactor, parts.evaluate);
    const queueSize = () => this.#size;
    this.moderation = new Moderation({ reactor, receiver, queueSize, log });
  }

  /** True if there is a queue pair. */
  get exists(): boolean {
    return this.#qp !== undefined;
  }

  /** What the device refuses; undefined if it refuses nothing. */
  get refusal(): string | undefined {
    return this.#refusal.current?.text;
  }

  /** Number of received packets that can wait in the queue pair. */
  get size(): number {
    return this.#size;
  }

  /**
   * Sets the size, and replaces the queue pair if there is one, which restarts the link. Throws the error of the device;
   * the old size is then kept.
   */
  resize(size: number): void {
    const before = this.#size;
    if (size === before) return;
    const shrank = this.#shrinks;
    this.#size = size;
    this.#shrinks = false;
    if (!this.#qp) return;
    const { evaluate } = this.#parts;
    this.close();
    evaluate();
    const { current } = this.#refusal;
    if (!current) return;
    this.#size = before;
    this.#shrinks = shrank;
    this.#refusal.end();
    evaluate();
    throw current.error;
  }

  /** Creates the queue pair if there is none, unless the device has refused it and the next try is due later. */
  open(): void {
    if (this.#qp || this.#refusal.current) return;
    const { identity, engine } = this.#parts;
    try {
      this.#qp = this.#create();
    } catch (error) {
      this.#refuse("a queue pair", IpoibError.from(error));
      return;
    }
    this.#refusal.end();
    identity.qpn = this.#qp.qpn;
    explain(
      this.#parts.log,
      () =>
        `Queue pair ${
          hex(identity.qpn, 6)
        } is created with P_Key index ${identity.pkeyIndex} and a receive queue of ${this.#size} packets`,
    );
    this.#qp.onFailure = (error) => this.#onFailure(error);
    engine.attach(this.#qp);
    this.moderation.attach(this.#qp);
  }

  /** Creates a queue pair, if necessary with a smaller receive queue. Throws the error of the device. */
  #create(): UdQp {
    const { port, memory, identity: { pkeyIndex }, log } = this.#parts;
    const create = (recvQueueSize: number) =>
      port.createUdQp({ memory, pkeyIndex, recvQueueSize });
    try {
      return create(this.#size);
    } catch (error) {
      const { code, message, hint } = IpoibError.from(error);
      const shrinks = this.#shrinks && this.#size > DEFAULT_RECV_QUEUE;
      if (code !== "E_MEMLOCK" || !shrinks) throw error;
      const qp = create(DEFAULT_RECV_QUEUE);
      log.warn(
        `Receive queue of ${DEFAULT_RECV_QUEUE} packets instead of ${this.#size}: ${message} (${hint})`,
      );
      this.#size = DEFAULT_RECV_QUEUE;
      return qp;
    }
  }

  /** Ends the link and closes the queue pair. */
  close(): void {
    const { engine, identity, endLink } = this.#parts;
    endLink();
    this.#refusal.end();
    if (!this.#qp) return;
    engine.attach(undefined);
    this.moderation.attach(undefined);
    explain(
      this.#parts.log,
      () => `Queue pair ${hex(identity.qpn, 6)} is closed`,
    );
    this.#qp.close();
    this.#qp = undefined;
    identity.qpn = 0;
  }

  /** Closes the timers. */
  dispose(): void {
    this.#refusal.close();
    this.moderation.close();
  }

  #onFailure(error: IpoibError): void {
    this.close();
    this.#refuse("to restart the queue pair", error);
    this.#parts.evaluate();
  }

  /** The device refuses `what`: records it, and schedules the next try. */
  #refuse(what: string, error: IpoibError): void {
    const delay = this.#refusal.begin(what, error);
    explain(
      this.#parts.log,
      () => `The device refuses ${what}: the next try is in ${delay / 1000} s`,
    );
    this.#parts.events.add("fabric", "queue_pair", () => ({
      subject: what,
      new: "refused",
      cause: error.message,
    }));
  }
}
