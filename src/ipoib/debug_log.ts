/**
 * The debug lines of an interface: those of the debug levels of ib_ipoib, which can be changed at run time, and those
 * that only the level "debug" of the log enables.
 *
 * | level               | lines about                                             |
 * |---------------------|---------------------------------------------------------|
 * | `debug_level`       | the interface, events of the port, and path queries     |
 * | `mcast_debug_level` | joins and leaves of multicast groups                    |
 * | `data_debug_level`  | each packet (rate-limited)                              |
 *
 * A level above 0 enables its lines regardless of the minimum level of the log. The level "debug" of the log enables
 * all lines but those about packets. Lines that administrators search for have the wording of the driver (Linux
 * ipoib_main.c, ipoib_multicast.c, ipoib_ib.c). A disabled line costs only a comparison, because its text is built on
 * demand.
 */

import {
  explain,
  getDebugLogger,
  getLogger,
  type Logger,
} from "../base/log.ts";

/** The levels of a device, shared by its interfaces. Changes take effect immediately. */
export class DebugLevels {
  debug = 0;
  multicast = 0;
  data = 0;
}

/** The debug lines of one interface. */
export class DebugLog {
  readonly #levels: DebugLevels;
  readonly #log: Logger;
  readonly #debugLog: Logger;
  readonly #dataLog: Logger;

  constructor(levels: DebugLevels, name: string) {
    this.#levels = levels;
    this.#log = getLogger(name);
    this.#debugLog = getDebugLogger(name);
    this.#dataLog = getDebugLogger(name, "packets");
  }

  general(text: () => string): void {
    if (this.#levels.debug > 0) this.#debugLog.info(text());
    else explain(this.#log, text);
  }

  multicast(text: () => string): void {
    if (this.#levels.multicast > 0) this.#debugLog.info(text());
    else explain(this.#log, text);
  }

  /** Logs a decision for which the driver has no debug line. */
  decision(text: () => string): void {
    explain(this.#log, text);
  }

  /** True if lines about packets are enabled. The data path checks it before each call of {@linkcode data}. */
  get packets(): boolean {
    return this.#levels.data > 0;
  }

  data(text: string): void {
    this.#dataLog.info(text);
  }
}
