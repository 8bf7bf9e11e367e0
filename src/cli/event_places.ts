/**
 * The network namespaces of events. A process sends the events of all its interfaces, which may be in several namespaces,
 * as children in containers are.
 */

import type { EventRecord } from "../ipc/schema.ts";
import type { CliEnvironment } from "./environment.ts";
import type { Place } from "./show_records.ts";

/** True for an event of an interface in the namespace, or of the port, which may belong to an interface there. */
export function isEventIn(
  { kind, namespace }: EventRecord,
  inode: bigint,
): boolean {
  return kind === "fabric" || namespace === undefined ||
    BigInt(namespace) === inode;
}

/** Returns the inode of the initial namespace; undefined if it cannot be read. */
export async function initialInode(
  environment: CliEnvironment,
): Promise<bigint | undefined> {
  const own = await environment.namespace();
  if (own.initial) return own.inode;
  try {
    return (await environment.namespace("/proc/1/ns/net")).inode;
  } catch {
    return undefined;
  }
}

/**
 * Returns the namespace of an event; that of the process if the event has none.
 *
 * @param initial the inode of the initial namespace
 * @param process the namespace of the parent interface
 */
export function placeOfEvent(
  { namespace }: EventRecord,
  initial: bigint | undefined,
  process: Place,
): Place {
  if (namespace === undefined) return process;
  const inode = BigInt(namespace);
  return { inode: inode === initial ? undefined : inode };
}
