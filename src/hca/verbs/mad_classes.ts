/**
 * The management classes that libibumad is registered for: those that agents of a port on a fabric may have.
 *
 * A registration receives the answers to its own requests; of what others ask or tell only the methods that it names.
 */

import { Method, MgmtClass } from "../../wire/mad.ts";

/** One registration (`umad_register`). */
export interface MadClass {
  readonly mgmtClass: number;
  readonly version: number;
  /** Methods that are not answers, as a set of 128 bits. */
  readonly methods: Uint8Array<ArrayBuffer>;
}

/** Reports are how traps reach who subscribed to them (IBTA vol. 1 13.4.5). */
export const madClasses: readonly MadClass[] = [
  { mgmtClass: MgmtClass.SubnAdm, version: 2, methods: set(Method.Report) },
];

function set(method: number): Uint8Array<ArrayBuffer> {
  const bits = new Uint8Array(16);
  bits[method >> 3] = 1 << (method & 7);
  return bits;
}
