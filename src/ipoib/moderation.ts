/**
 * Interrupt moderation of an interface: `ethtool -C IF rx-usecs N rx-frames N` (as in Linux ipoib_ethtool.c).
 *
 * Both values have 16 bits. If the device does not support moderation, they are stored and shown without an error.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import type { CqModeration, UdQp } from "../hca/hca.ts";

const MAX_VALUE = 0xffff;

export class Moderation {
  #values: CqModeration = { rxUsecs: 0, rxFrames: 0 };
  #qp: UdQp | undefined;

  get values(): CqModeration {
    return this.#values;
  }

  /** Sets the queue pair, or none, and applies the values to it unless both are 0. */
  attach(qp: UdQp | undefined): void {
    this.#qp = qp;
    const { rxUsecs, rxFrames } = this.#values;
    if (rxUsecs !== 0 || rxFrames !== 0) this.#apply(this.#values);
  }

  /** Changes the given values. Throws `E_COALESCE` (EINVAL) for a value out of range, and errors of the device. */
  set(change: Partial<CqModeration>): void {
    const values = { ...this.#values, ...change };
    for (const [name, value] of Object.entries(values)) {
      if (value < 0 || value > MAX_VALUE) {
        throw new IpoibError(
          "E_COALESCE",
          `${
            name === "rxUsecs" ? "rx-usecs" : "rx-frames"
          } ${value} is out of range`,
          { errno: Errno.EINVAL, hint: `use 0 to ${MAX_VALUE}` },
        );
      }
    }
    this.#apply(values);
    this.#values = values;
  }

  #apply(values: CqModeration): void {
    try {
      this.#qp?.setModeration(values);
    } catch (error) {
      if (!(error instanceof IpoibError) || error.errno !== Errno.EOPNOTSUPP) {
        throw error;
      }
    }
  }
}
