/**
 * Parser for partition configurations in OpenSM's syntax (doc/partition-config.txt).
 *
 * ```
 * Default=0x7fff, ipoib : ALL=full ;
 * storage=0x0001, ipoib, rate=7, defmember=full : 0x0002c90300000001, 0x0002c90300000002 ;
 * ```
 *
 * Statements that OpenSM ignores with a log message cause a warning. If OpenSM would reject the file and use its
 * defaults, the parser throws an error, so no part of a malformed file takes effect.
 */

import { type PartitionsConf, resolve } from "./partitions_conf/resolve.ts";
import { readStatements } from "./partitions_conf/statements.ts";

export type { PartitionsConf };

/**
 * Parses the text of a partitions.conf.
 *
 * @param file the file's name, for messages.
 * @throws IpoibError `E_PARTITIONS_CONF` (EINVAL) if the file is malformed. The message has the form
 *   `FILE:LINE:COLUMN: PROBLEM: expected EXPECTED`.
 */
export function parsePartitionsConf(
  text: string,
  file = "partitions.conf",
): PartitionsConf {
  return resolve(readStatements(text, file), file);
}
