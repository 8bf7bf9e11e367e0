/** Field offsets in bytes of libibumad's `struct ib_user_mad` (rdma-core's `infiniband/umad.h`, 64-bit). */

/**
 * `struct ib_user_mad`, the header of a MAD. It has 64 bytes once a port is open; before that `umad_size()` returns
 * 56.
 */
export const UserMad = {
  Status: 4,
  /** Big-endian, 32 bits. */
  Qpn: 20,
  /** Big-endian, 32 bits. */
  Qkey: 24,
  /** Big-endian, 16 bits. */
  Lid: 28,
  Sl: 30,
  PathBits: 31,
  GrhPresent: 32,
  GidIndex: 33,
  HopLimit: 34,
  TrafficClass: 35,
  Gid: 36,
  /** Big-endian, 32 bits. */
  FlowLabel: 52,
  PkeyIndex: 56,
  Data: 64,
} as const;
