/** Lookup of a port of a subnet by interface name, LID or GUID. */

import { formatGuid, hex, parseGuid } from "../base/hex.ts";
import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import type { SubnetRecord } from "../ipc/schema.ts";
import type { CliEnvironment } from "./environment.ts";
import { parseInteger } from "./options.ts";
import { openInterface } from "./session.ts";

/** All 16 digits of a GUID, or a GUID with colons. A shorter number is a LID. */
const GUID = /^0x[0-9a-f]{16}$|:/i;

/**
 * Returns the GUID of the port that `text` identifies. If several ports have that interface name, the interface in
 * namespace `netns` is preferred.
 *
 * Throws `E_NO_PORT` (ENODEV), or `E_AMBIGUOUS` with the LIDs of the ports.
 */
export async function findPort(
  environment: CliEnvironment,
  netns: string | undefined,
  subnet: SubnetRecord,
  text: string,
): Promise<string> {
  const guid = GUID.test(text) ? parseGuid(text) : undefined;
  const lid = parseInteger(text);
  const found = subnet.ports.filter((port) =>
    guid !== undefined
      ? port.guid === formatGuid(guid)
      : lid !== undefined
      ? port.lid === lid
      : port.name === text
  );
  if (found.length === 0) {
    throw new IpoibError("E_NO_PORT", `The subnet has no port "${text}"`, {
      errno: Errno.ENODEV,
      hint: "give an interface, LID or GUID of ipoib subnet show",
    });
  }
  if (found.length === 1) return found[0]!.guid;
  const here = await guidHere(environment, netns, text);
  if (found.some((port) => port.guid === here)) return here!;
  const lids = found.map((port) => hex(port.lid)).join(", ");
  throw new IpoibError(
    "E_AMBIGUOUS",
    `Several ports are named ${text}: LIDs ${lids}`,
    { hint: "give the LID, or the namespace with -n" },
  );
}

/** Returns the port GUID of interface `name` in the namespace, or undefined if no process answers for it. */
async function guidHere(
  environment: CliEnvironment,
  netns: string | undefined,
  name: string,
): Promise<string | undefined> {
  try {
    using target = await openInterface(environment, netns, name);
    const [link] = await target.client.call("link.show", { name });
    return link?.hca.guid;
  } catch {
    return undefined;
  }
}
