/** Where things stand in libibumad's structs, in bytes (rdma-core's `infiniband/umad.h`, 64-bit). */

/**
 * `struct ib_user_mad`, which precedes a MAD. The header is 64 bytes long once a port was opened, though
 * `umad_size()` says 56 before that.
 */
export const UserMad = {
  Status: 4,
  Length: 16,
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
