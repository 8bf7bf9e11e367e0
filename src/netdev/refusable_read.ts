/**
 * Reads of the kernel's configuration after the start. The kernel may refuse one, for example with ENOBUFS or ENOMEM
 * while memory is short. The reader then keeps what it has read before, and reads again later.
 */

import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import type { Millis } from "../base/units.ts";

/** Time after which a refused read is repeated. */
export const READ_AGAIN_MS: Millis = 1000;

/** Repeated reads of one part of the configuration. */
export class RefusableRead {
  #refused = false;

  /**
   * Returns the result of `read`, or undefined if it throws an {@linkcode IpoibError}. The first of consecutive errors
   * is logged.
   */
  attempt<T>(ifindex: number, read: () => T): T | undefined {
    try {
      const result = read();
      this.#refused = false;
      return result;
    } catch (error) {
      if (!(error instanceof IpoibError)) throw error;
      if (!this.#refused) {
        getLogger().warn(
          `${error.message}; the known state of network interface ${ifindex} is used until it can be read again`,
        );
      }
      this.#refused = true;
      return undefined;
    }
  }
}
