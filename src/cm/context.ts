/** What the connections of a port share. */

import type { MadAgent } from "../hca/hca.ts";
import type { PortAttributes } from "../hca/port_attributes.ts";
import type { CmCounters } from "./counters.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ConnectionTable } from "./table.ts";

export interface CmContext {
  readonly agent: Pick<MadAgent, "send">;
  readonly port: { readonly attributes: PortAttributes };
  readonly table: ConnectionTable<Endpoint>;
  readonly deadlines: Deadlines<Endpoint>;
  readonly counters: CmCounters;
  /** Calls a function in the reactor's next turn. */
  readonly later: (callback: () => void) => void;
}

/** Returns the CA GUID of the port's messages: the port GUID, which is unique as well. */
export function caGuid({ port }: CmContext): bigint {
  return port.attributes.portGuid;
}

/** Returns the CA GUID as additional reject information, 8 bytes. */
export function caGuidBytes(context: CmContext): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, caGuid(context));
  return bytes;
}
