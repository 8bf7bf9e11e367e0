/** Constants of TAP devices (`linux/if_tun.h`, `linux/sockios.h`, `linux/if.h`), the same on x86-64 and arm64. */

import { TapOffload } from "../netdev.ts";

/** ioctl(2) requests on /dev/net/tun (TUN...) and on sockets (SIOC...). */
export const Request = {
  TUNSETIFF: 0x400454can,
  TUNSETPERSIST: 0x400454cbn,
  TUNSETLINK: 0x400454cdn,
  TUNSETOFFLOAD: 0x400454d0n,
  TUNGETIFF: 0x800454d2n,
  TUNGETVNETHDRSZ: 0x800454d7n,
  TUNSETVNETHDRSZ: 0x400454d8n,
  TUNSETCARRIER: 0x400454e2n,
  TUNGETDEVNETNS: 0x54e3n,
  SIOCGIFINDEX: 0x8933n,
  SIOCSIFHWADDR: 0x8924n,
  SIOCGIFHWADDR: 0x8927n,
  SIOCETHTOOL: 0x8946n,
} as const;

/** Flags of TUNSETIFF. */
export const TapFlag = {
  TAP: 0x0002,
  NO_PI: 0x1000,
  VNET_HDR: 0x4000,
  /** IFF_TUN_EXCL: fail with EBUSY if the device exists. */
  EXCL: 0x8000,
  /** IFF_PERSIST, reported by TUNGETIFF only. */
  PERSIST: 0x0800,
} as const;

const { CHECKSUM, TSO4, TSO6, TSO_ECN, USO4, USO6 } = TapOffload;

/** Sets of bits to try, best first. Linux accepts USO4 and USO6 since 6.2, and only together. */
export const OFFLOAD_SETS: readonly number[] = [
  CHECKSUM | TSO4 | TSO6 | TSO_ECN | USO4 | USO6,
  CHECKSUM | TSO4 | TSO6 | TSO_ECN,
  CHECKSUM | TSO4 | TSO6,
  CHECKSUM,
  0,
];

/** TUN_F_CSUM, TUN_F_USO4 and TUN_F_USO6. Kernels that accept them also take written frames of several UDP packets. */
export const USO_SET = 0x61;

/** Link type of Ethernet (`linux/if_arp.h`). */
export const ARPHRD_ETHER = 1;
/** Link type of InfiniBand (`linux/if_arp.h`). */
export const ARPHRD_INFINIBAND = 32;

/** Length of struct ifreq in bytes: the name (16 bytes, NUL-terminated), then a union of 24 bytes. */
export const IFREQ_LENGTH = 40;
export const IFNAMSIZ = 16;
