/** Conversion of the kernel's addresses to records, in the words of iproute2 (ipaddress.c, rt_names.c). */

import type { AddressRecord } from "../../ipc/schema.ts";
import type { KernelAddress } from "../../netdev/netdev.ts";

/** Names of RT_SCOPE_ values. */
const SCOPES: Readonly<Record<number, string>> = {
  0: "global",
  200: "site",
  253: "link",
  254: "host",
  255: "nowhere",
};

const IFA_F_SECONDARY = 0x1;
const IFA_F_PERMANENT = 0x80;
/** Names of IFA_F_ flags in the order of iproute2. */
const FLAGS: readonly [flag: number, name: string][] = [
  [IFA_F_SECONDARY, "secondary"],
  [0x2, "nodad"],
  [0x4, "optimistic"],
  [0x8, "dadfailed"],
  [0x10, "home"],
  [0x20, "deprecated"],
  [0x40, "tentative"],
  [IFA_F_PERMANENT, "permanent"],
  [0x100, "mngtmpaddr"],
  [0x200, "noprefixroute"],
  [0x400, "autojoin"],
  [0x800, "stable-privacy"],
];

/** Returns the IFA_F_ flag of a name of iproute2; 0 if there is none. */
export function addressFlag(name: string): number {
  return FLAGS.find(([, each]) => each === name)?.[0] ?? 0;
}

export function addressRecord(address: KernelAddress): AddressRecord {
  const { local, peer, broadcast, label, metric, scope } = address;
  return {
    family: local.isIpv4 ? "inet" : "inet6",
    local: `${local}`,
    ...(peer === undefined ? {} : { address: `${peer}` }),
    prefixlen: address.prefixLength,
    ...(metric === undefined ? {} : { metric }),
    ...(broadcast === undefined ? {} : { broadcast: `${broadcast}` }),
    scope: SCOPES[scope] ?? String(scope),
    flags: flagNames(address.flags, local.isIpv4),
    ...(label === undefined ? {} : { label }),
    valid_life_time: address.validSeconds,
    preferred_life_time: address.preferredSeconds,
  };
}

/** Returns the names of flags. An address is shown as dynamic if it is not permanent, and never as permanent. */
function flagNames(flags: number, isIpv4: boolean): string[] {
  return FLAGS.flatMap(([flag, name]) => {
    const set = (flags & flag) !== 0;
    if (flag === IFA_F_PERMANENT) return set ? [] : ["dynamic"];
    if (!set) return [];
    return flag === IFA_F_SECONDARY && !isIpv4 ? ["temporary"] : [name];
  });
}
