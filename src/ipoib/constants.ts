/** Numbers that the engine obeys: those of specifications first, those of Linux's ib_ipoib and ARP after them. */

/** Packets that wait for an address or a path, at most, and bytes of them (Linux `unres_qlen_bytes`). */
export const MAX_WAITING_PACKETS = 256;
export const MAX_WAITING_BYTES = 212_992;
/** All packets that wait on one interface, with what each costs beside its bytes. */
export const MAX_TOTAL_WAITING_BYTES = 16 * 1024 * 1024;
/** When half of that is used, a destination may keep this many (Linux IPOIB_MAX_PATH_REC_QUEUE). */
export const WAITING_PACKETS_WHEN_SCARCE = 3;
/** Packets that wait for a group (Linux IPOIB_MAX_MCAST_QUEUE). */
export const MAX_GROUP_QUEUE = 64;
/**
 * Most multicast groups of one interface, beside its broadcast group: those of 25 sockets that have joined all that they may
 * (Linux `igmp_max_memberships`). A subnet has 16 383 multicast LIDs (IBTA vol. 1 4.1.1), and many switches fewer.
 */
export const DEFAULT_MAX_GROUPS = 512;
/** When there is no place for a send-only group, one that was idle for this long may make place, and how often one may. */
export const REPLACEABLE_IDLE_MS = 10_000;
export const REPLACE_INTERVAL_MS = 100;
/** A membership is checked after at least this, and at most twice this: at random, so that ports do not ask together. */
export const MEMBERSHIP_CHECK_MS = 30_000;
/** The longest pause between two attempts to join (Linux IPOIB_MAX_BACKOFF_SECONDS). */
export const MAX_BACKOFF_MS = 16_000;
/** A path that is doubted is not asked for again sooner than this. */
export const PATH_INTERVAL_MS = 1000;
/** A path in use whose answer was none, or no better, is asked for this often again by itself. */
export const MAX_PATH_RETRIES = 4;
/** Failures of a group's join that are logged. */
export const MAX_LOGGED_FAILURES = 20;
/** Idle peers and send-only groups go after this (Linux: twice gc_interval). */
export const IDLE_MS = 60_000;
/** How often they are looked for. */
export const REAP_INTERVAL_MS = 30_000;

/**
 * Most neighbours: four times what the kernel keeps by default (gc_thresh3). A neighbour with its peer and its path takes about
 * 2 KB, so full tables take about 10 MB.
 */
export const MAX_NEIGHBOURS = 4096;
/** Most of them that the administrator may hold. */
export const MAX_STATIC_NEIGHBOURS = MAX_NEIGHBOURS / 2;
/** Most peers: one for each neighbour, and those to which only ARP replies went. */
export const MAX_PEERS = MAX_NEIGHBOURS + 1024;
/** Most paths: one for each peer. */
export const MAX_PATHS = MAX_PEERS;
/** When a table is full, this share of it makes room at a time. */
export const EVICTED_SHARE = 1 / 8;
/** Most paths that are waited for: who invents addresses must not keep the administrator from the others. */
export const MAX_PATHS_ASKED = 1024;
/** An entry is not overwritten by another address sooner than this (Linux arp_tbl `locktime`). */
export const ARP_LOCK_MS = 1000;
/** A neighbour that is not known is asked for on our behalf at most this often. */
export const ASK_INTERVAL_MS = 1000;
/** Requests of others whose answer by the kernel is awaited, at most. */
export const MAX_ASKERS = 1024;
/** ... and for how long: a proxy answers late (Linux arp_tbl `proxy_delay`). */
export const ASKER_LIFETIME_MS = 2000;
/** Changes of the kernel's neighbour table a second, at most. */
export const MAX_KERNEL_CHANGES = 256;

/** A new address is announced twice, the second time after this (RFC 5227 ANNOUNCE_INTERVAL). */
export const ANNOUNCE_INTERVAL_MS = 2000;

/** Smallest MTU in datagram mode: 68 and the IPoIB header (Linux ipoib_change_mtu). */
export const MIN_DATAGRAM_MTU = 72;
/** Largest MTU that the device admits to, that of connected mode. */
export const MAX_MTU = 65520;

/** Packets that may wait at a queue pair (Linux module parameter `recv_queue_size`). */
export const DEFAULT_RECV_QUEUE = 256;

/** Packets that the kernel queues before the TAP: 6 ms at 150 000 packets/s. (ib_ipoib's 256 wait in front of hardware.) */
export const TX_QUEUE_LENGTH = 1000;
/** Cached next hops, of 48 bytes each; the cache starts anew beyond. */
export const MAX_NEXT_HOPS = 65_536;
