/** Errors of SA requests: refusals, and requests that get no response. */

/** Thrown to refuse a request with an error status. The message is the reason, for the log. */
export class SaRefusal extends Error {
  override readonly name = "SaRefusal";
  /** MAD status. */
  readonly status: number;
  /** Attribute data of the response, if different from the request's. */
  readonly data: Uint8Array | undefined;

  constructor(status: number, reason: string, data?: Uint8Array) {
    super(reason);
    this.status = status;
    this.data = data;
  }
}

/** Thrown to drop a request without a response, as OpenSM does. The message is the reason, for the log. */
export class SaSilence extends Error {
  override readonly name = "SaSilence";
}
