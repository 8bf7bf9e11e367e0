/**
 * The wait of a port for its lost device (hca.ts): looks for the device once per second, and opens it when it is there.
 *
 * If the device cannot be opened, or does not stay, the next attempt follows after 2, 4, 8, 16, 16 s...
 */

import { Backoff, MAX_BACKOFF_MS } from "../base/backoff.ts";
import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import type { Millis } from "../base/units.ts";
import type { Reactor, Timer } from "../system/reactor.ts";
import type { PortAttributes } from "./port_attributes.ts";

/** Interval of looking for a device that does not exist. */
export const LOOK_INTERVAL_MS: Millis = 1000;
/** Time for which a device must stay open, so that its next loss does not count as a failed attempt. */
const STABLE_MS: Millis = MAX_BACKOFF_MS;

/** The operations of the port. */
export interface LostDeviceParts {
  readonly reactor: Pick<Reactor, "clock" | "timer">;
  /** True if the device exists. Throws why it is not the lost one. */
  readonly exists: () => boolean;
  /** Called each time the device does not exist. */
  readonly onAbsent: () => void;
  /** Opens the device, and calls `opened` or `failed`, at once or later. */
  readonly open: (
    opened: () => void,
    failed: (error: IpoibError) => void,
  ) => void;
  /** Called with the reason each time the device exists but was not opened. */
  readonly onRefused: (reason: string) => void;
}

export class LostDevice {
  readonly #parts: LostDeviceParts;
  readonly #timer: Timer;
  readonly #backoff = new Backoff();
  /** The time since which the device is open. */
  #openSince: Millis = -Infinity;

  constructor(parts: LostDeviceParts) {
    this.#parts = parts;
    this.#timer = parts.reactor.timer(() => this.#look());
  }

  /** The device is lost: begins to look for it. */
  begin(): void {
    const stable = this.#now - this.#openSince >= STABLE_MS;
    if (stable) this.#backoff.reset();
    this.#lookAfter(stable ? LOOK_INTERVAL_MS : this.#backoff.next());
  }

  close(): void {
    this.#timer.close();
  }

  #look(): void {
    const { exists, onAbsent, open } = this.#parts;
    const failed = (error: IpoibError) => this.#refused(error);
    try {
      if (!exists()) {
        this.#lookAfter(LOOK_INTERVAL_MS);
        return onAbsent();
      }
    } catch (error) {
      return failed(IpoibError.from(error));
    }
    open(() => this.#openSince = this.#now, failed);
  }

  #refused({ message, hint }: IpoibError): void {
    this.#lookAfter(this.#backoff.next());
    this.#parts.onRefused(
      hint === undefined ? message : `${message} (${hint})`,
    );
  }

  #lookAfter(delay: Millis): void {
    this.#timer.at(this.#now + delay);
  }

  get #now(): Millis {
    return this.#parts.reactor.clock.now();
  }
}

/** Returns the attributes of a port whose device is lost, or still not opened, for a reason. */
export function lostAttributes(
  before: PortAttributes,
  reason: string,
): PortAttributes {
  return { ...before, state: "down", physState: "<unknown>", lost: reason };
}

/** Returns the error of an operation that needs the lost device. */
export function deviceLost(device: string): IpoibError {
  return new IpoibError(
    "E_DEVICE_LOST",
    `Device ${device} does not exist at present`,
    { errno: Errno.ENODEV },
  );
}
