/** How the administrator says no. */

/** A request that gets an error status; the message says why, field by field, for the log. */
export class SaRefusal extends Error {
  override readonly name = "SaRefusal";
  /** MAD status. */
  readonly status: number;
  /** Attribute data of the answer, if it is not that of the request. */
  readonly data: Uint8Array | undefined;

  constructor(status: number, reason: string, data?: Uint8Array) {
    super(reason);
    this.status = status;
    this.data = data;
  }
}

/** A request that nobody answers, as OpenSM does not; the message says why, for the log. */
export class SaSilence extends Error {
  override readonly name = "SaSilence";
}
