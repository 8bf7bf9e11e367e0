/** The LIDs of the ports: the source LID of the port's last join, else by the rig's rule the last byte of its MAC address. */

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

  learn(gid: Uint8Array, lid: number): void {
    this.#lids.set(gidKey(gid), lid);
  }

  /** Undefined if the GID is no port's of the rig. */
  lidOf(gid: Uint8Array): number | undefined {
    const byRule = gid[LAST_BYTE]!;
    return this.#lids.get(gidKey(gid)) ??
      (gidKey(gid) === gidKey(gidOf(byRule)) ? byRule : undefined);
  }
}

/** The GID of the port that has the LID by the rule. */
export function gidOf(lid: number): Uint8Array {
  return gidFrom(DEFAULT_SUBNET_PREFIX, FIRST_GUID | BigInt(lid & 0xff));
}
