/**
 * The end of an interface. The first reason counts, except in an upgrade: the devices of an interface belong to the old
 * process until it has accepted the new one. The new process therefore ends without any effect on them, and the old one
 * ends only after it has them again.
 */

import { IpoibError } from "../base/errors.ts";
import type { EndReason } from "./interface_group.ts";

export interface EndCause {
  readonly reason: EndReason;
  readonly failure?: IpoibError;
}

/** Reasons in the event of the end. */
const TEXTS: Readonly<Record<EndReason, string>> = {
  "down": "requested",
  "signal": "requested",
  "failure": "failed",
  "not started": "failed",
  "handed over": "another process has taken over",
  "not taken over": "the other process goes on",
};

/** Returns the text of a cause in the event of the end. */
export function causeText({ reason, failure }: EndCause): string {
  return failure?.message ?? TEXTS[reason];
}

export class InterfaceEnd {
  readonly #name: string;
  readonly #concluded: () => Promise<boolean>;
  readonly #request = Promise.withResolvers<EndCause>();
  #requested = false;
  #handedOver = false;
  #back: PromiseWithResolvers<void> | undefined;

  /**
   * @param name name with which the interface was started
   * @param concluded see {@linkcode Takeover.concluded}; undefined for an interface that is not taken over
   */
  constructor(
    name: string,
    concluded: () => Promise<boolean> = () => Promise.resolve(true),
  ) {
    this.#name = name;
    this.#concluded = concluded;
  }

  /** True if the end was requested. */
  get requested(): boolean {
    return this.#requested;
  }

  request(cause: EndCause): void {
    this.#requested = true;
    if (cause.reason === "handed over") {
      this.#handedOver = true;
      this.#back?.resolve();
    }
    this.#request.resolve(cause);
  }

  /** Called before the devices are released to another process. {@linkcode cause} then waits for {@linkcode resumed}. */
  released(): void {
    this.#back = Promise.withResolvers();
  }

  /** Called when this process has its devices again, or is to end without them. */
  resumed(): void {
    this.#back?.resolve();
  }

  /** Waits for a request. Returns the cause that counts. */
  async cause(): Promise<EndCause> {
    const cause = await this.#request.promise;
    await this.#back?.promise;
    if (this.#handedOver) return { reason: "handed over" };
    return await this.#concluded()
      ? cause
      : { ...cause, reason: "not taken over" };
  }

  /** Rejects when the end is requested: with the failure, or `E_ENDED`. */
  async interrupted(): Promise<never> {
    const { failure } = await this.#request.promise;
    throw failure ??
      new IpoibError(
        "E_ENDED",
        `${this.#name} was stopped during the takeover`,
      );
  }
}
