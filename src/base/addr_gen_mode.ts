/** How the kernel forms link-local IPv6 addresses (`ip link set IF addrgenmode MODE`). */

/** The modes, in the order of IN6_ADDR_GEN_MODE_ (linux/if_link.h). */
export const ADDR_GEN_MODES = [
  "eui64",
  "none",
  "stable_secret",
  "random",
] as const;
export type AddrGenMode = typeof ADDR_GEN_MODES[number];
