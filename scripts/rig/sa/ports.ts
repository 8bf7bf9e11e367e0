/**
 * LIDs of the ports: the source LID of the port's last join, or the rig's default, the last byte of its MAC address.
 */

import {
  DEFAULT_SUBNET_PREFIX,
  gidFrom,
  gidKey,
} from "../../../src/wire/gid.ts";

/** EUI-64 of the MAC address 52:54:00:00:00:00, without the universal bit. */
const FIRST_GUID = 0x505400fffe000000n;
const LAST_BYTE = 15;

export class Ports {
  readonly #lids = new Map<string, number>();

  /** Stores the source LID of a join. */
  learn(gid: Uint8Array, lid: number): void {
    this.#lids.set(gidKey(gid), lid);
  }

  /** Returns the LID of a port, or undefined if the GID does not belong to a port of the rig. */
  lidOf(gid: Uint8Array): number | undefined {
    const defaultLid = gid[LAST_BYTE]!;
    return this.#lids.get(gidKey(gid)) ??
      (gidKey(gid) === gidKey(gidOf(defaultLid)) ? defaultLid : undefined);
  }
}

/** Returns the GID of the port with this default LID. */
export function gidOf(lid: number): Uint8Array {
  return gidFrom(DEFAULT_SUBNET_PREFIX, FIRST_GUID | BigInt(lid & 0xff));
}
