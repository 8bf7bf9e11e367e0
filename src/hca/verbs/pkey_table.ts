/**
 * The P_Key table of a port.
 *
 * Each entry takes a read of a file of the kernel, and a table may have more than a hundred, so the table is read again
 * only after an event that can change it. As in Linux (ib_cache_update) that is the change of a P_Key; and the
 * activation of the port, because its device may have been reset before.
 */

import type { PortEvent } from "../hca.ts";
import type { QueriedDevice } from "./port_attributes.ts";

const DEFAULT_PKEY = 0xffff;

export class PkeyTable {
  #pkeys: readonly number[] = [];
  /** True until the table is read. */
  #due = true;

  /** Notes an event of the port. */
  onEvent({ type }: Pick<PortEvent, "type">): void {
    if (type === "pkey_change" || type === "port_active") this.#due = true;
  }

  /** Returns the table of `length` entries without the empty ones at its end. */
  read(
    device: QueriedDevice,
    port: number,
    length: number,
  ): readonly number[] {
    if (this.#due) this.#pkeys = queryPkeys(device, port, length);
    this.#due = false;
    return this.#pkeys;
  }
}

function queryPkeys(
  { library, context }: QueriedDevice,
  port: number,
  length: number,
): number[] {
  const pkeys: number[] = [];
  const bytes = new Uint8Array(2);
  for (let i = 0; i < length; i++) {
    const known = library.ibv_query_pkey(context, port, i, bytes) === 0;
    // A device without a P_Key table has the default partition only.
    if (known) pkeys.push(bytes[0]! << 8 | bytes[1]!);
    else if (i === 0) pkeys.push(DEFAULT_PKEY);
    else break;
  }
  while (pkeys.length > 1 && pkeys.at(-1) === 0) pkeys.pop();
  return pkeys;
}
