/** Numbers that the engine obeys: those of specifications first, those of Linux's ib_ipoib and ARP after them. */

/** Packets that wait for a neighbour or a path (Linux IPOIB_MAX_PATH_REC_QUEUE). */
export const MAX_NEIGHBOUR_QUEUE = 3;
/** Packets that wait for a group (Linux IPOIB_MAX_MCAST_QUEUE). */
export const MAX_GROUP_QUEUE = 64;
/** The longest pause between two attempts to join (Linux IPOIB_MAX_BACKOFF_SECONDS). */
export const MAX_BACKOFF_MS = 16_000;
/** A path that is doubted is not asked for again sooner than this. */
export const PATH_INTERVAL_MS = 1000;
/** A path in use whose answer was none, or no better, is asked for this often again by itself. */
export const MAX_PATH_RETRIES = 4;
/** Failures of a group's join that are logged. */
export const MAX_LOGGED_FAILURES = 20;
/** Idle neighbours and send-only groups go after this (Linux: twice gc_interval). */
export const IDLE_MS = 60_000;
/** How often they are looked for. */
export const REAP_INTERVAL_MS = 30_000;

/** Neighbour timers of Linux's arp_tbl. */
export const Arp = {
  BaseReachableMs: 30_000,
  DelayProbeMs: 5_000,
  RetransmitMs: 1_000,
  UnicastProbes: 3,
  BroadcastProbes: 3,
  /** An entry is not overwritten by another address sooner than this. */
  LockMs: 1_000,
  /** More entries than this: the idle ones go (gc_thresh3). */
  MaxEntries: 1024,
} as const;

/** A new address is announced twice, the second time after this (RFC 5227 ANNOUNCE_INTERVAL). */
export const ANNOUNCE_INTERVAL_MS = 2000;

/** Smallest MTU in datagram mode: 68 and the IPoIB header (Linux ipoib_change_mtu). */
export const MIN_DATAGRAM_MTU = 72;
/** Largest MTU that the device admits to, that of connected mode. */
export const MAX_MTU = 65520;

/** Packets that may wait at a queue pair (Linux module parameter `recv_queue_size`). */
export const DEFAULT_RECV_QUEUE = 256;

/** Packets that the kernel queues before the TUN: 6 ms at 150 000 packets/s. (ib_ipoib's 256 wait in front of hardware.) */
export const TX_QUEUE_LENGTH = 1000;
/** Frames read from the TUN before other work has its turn. */
export const TX_BUDGET = 32;
/** Cached next hops; the cache starts anew beyond. */
export const MAX_NEXT_HOPS = 65_536;
