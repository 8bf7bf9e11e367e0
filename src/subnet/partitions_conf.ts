/**
 * Partitions in OpenSM's syntax (its doc/partition-config.txt).
 *
 * ```
 * Default=0x7fff, ipoib : ALL=full ;
 * storage=0x0001, ipoib, rate=7, defmember=full : 0x0002c90300000001, 0x0002c90300000002 ;
 * ```
 *
 * What OpenSM passes over with a line in its log is a warning here. Where OpenSM rejects the file (and falls
 * back to its defaults) this throws: nothing of a malformed file is ever in force.
 */

import { type PartitionsConf, resolve } from "./partitions_conf/resolve.ts";
import { readStatements } from "./partitions_conf/statements.ts";

export type { PartitionsConf };

/**
 * Reads the text of a partitions.conf.
 *
 * @param file its name, for messages.
 * @throws IpoibError `E_PARTITIONS_CONF` (EINVAL): `FILE:LINE:COLUMN: what is wrong: expected what`.
 */
export function parsePartitionsConf(
  text: string,
  file = "partitions.conf",
): PartitionsConf {
  return resolve(readStatements(text, file), file);
}
