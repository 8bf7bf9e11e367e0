/** Limits, intervals and default sizes of the engine, with the corresponding Linux constants. */

/**
 * Limits of one queue of packets that wait for an address or a path. The byte limit is Linux `unres_qlen_bytes`, and
 * also applies to the queue of a group.
 */
export const MAX_WAITING_PACKETS = 256;
export const MAX_WAITING_BYTES = 212_992;
/** Limit for all waiting packets of one interface, in bytes, per-packet overhead included. */
export const MAX_TOTAL_WAITING_BYTES = 16 * 1024 * 1024;
/** Packets per queue once half of MAX_TOTAL_WAITING_BYTES is in use (Linux IPOIB_MAX_PATH_REC_QUEUE). */
export const WAITING_PACKETS_WHEN_SCARCE = 3;
/** Maximum number of packets that wait for the join of one group (Linux IPOIB_MAX_MCAST_QUEUE). */
export const MAX_GROUP_QUEUE = 64;
/**
 * Default limit on the multicast groups of one interface, broadcast group excluded: enough for 25 sockets that each
 * hold the maximum number of memberships (Linux `igmp_max_memberships`, 20). A subnet has 16,383 multicast LIDs (IBTA
 * vol. 1 4.1.3); many switches support fewer.
 */
export const DEFAULT_MAX_GROUPS = 512;
/**
 * Idle time after which a send-only group may be replaced by a new one at the group limit, and a connection of another
 * host at any rate at the limit of connections.
 */
export const REPLACEABLE_IDLE_MS = 10_000;
/** Minimum interval between two replacements of groups, and of connections in use. */
export const REPLACE_INTERVAL_MS = 100;
/** Minimum interval between checks of a membership. The interval is random, up to twice this, to spread the queries. */
export const MEMBERSHIP_CHECK_MS = 30_000;
/** Interval of further inquiries about a refused join at the maximum backoff, while the status is the same. */
export const INQUIRY_INTERVAL_MS = 60_000;
/** Minimum interval between two queries for a doubtful path, except after a light flush. */
export const PATH_INTERVAL_MS = 1000;
/** Maximum automatic retries of the query for a path in use after a failure or a response with the old LID. */
export const MAX_PATH_RETRIES = 4;
/** Maximum number of logged join failures per group. */
export const MAX_LOGGED_FAILURES = 20;
/** Idle time after which a peer or a send-only group is removed (Linux: twice gc_interval). */
export const IDLE_MS = 60_000;
/** Interval of the search for idle peers and send-only groups. */
export const REAP_INTERVAL_MS = 30_000;

/**
 * Maximum number of neighbours, whatever the kernel's limit (table_limits.ts): more than a subnet has unicast LIDs,
 * 49,151 (IBTA vol. 1 4.1.3). A neighbour with its peer and its path takes about 2.5 KB, so full tables take about 160 MB.
 */
export const MAX_NEIGHBOURS = 65_536;
/** Maximum number of neighbours if the kernel does not report its limit. */
export const DEFAULT_MAX_NEIGHBOURS = 10_240;
/**
 * Minimum of the limit on neighbours: the kernel's default for one family. With a lower limit, the kernel removes its
 * entries, and the neighbour table follows.
 */
export const MIN_MAX_NEIGHBOURS = 1024;
/** Maximum number of static neighbours. */
export const MAX_STATIC_NEIGHBOURS = 5120;
/** Number of peers and paths in addition to one per neighbour. */
export const SPARE_PEERS = 1024;
/** Interval at which the kernel's limit on neighbours is read again. */
export const LIMIT_INTERVAL_MS = 60_000;
/** The same while a table is full. */
export const FULL_LIMIT_INTERVAL_MS = 1000;
/** Fraction of a full table that is evicted at a time. */
export const EVICTED_SHARE = 1 / 8;
/** The same if the entries were used recently. It limits how often a table is sorted. */
export const EVICTED_USED_SHARE = 1 / 64;
/** Maximum number of paths with waiters, so that packets to forged addresses do not flood the subnet administrator. */
export const MAX_PENDING_PATHS = 1024;
/** Maximum number of pending queries for paths in use, after a light flush and for repeated queries. */
export const MAX_PATH_RENEWALS = 64;
/** Minimum interval between two searches for paths whose automatic query is due. */
export const RETRY_TICK_MS = 50;
/** Time after a change during which an entry is not overwritten with another address (Linux arp_tbl `locktime`). */
export const ARP_LOCK_MS = 1000;
/** Minimum interval between two resolutions of one neighbour that this process starts. */
export const REQUEST_INTERVAL_MS = 1000;
/**
 * Time after which packets that wait for an address are dropped, unless another one follows: more than the kernel tries
 * to resolve it by default, 3 s.
 */
export const MAX_WAIT_MS = 10_000;
/** Maximum number of received address resolution requests per family that wait for the kernel's reply. */
export const MAX_ASKERS = 1024;
/** Lifetime of such a request; proxy ARP delays the reply (Linux arp_tbl `proxy_delay`). */
export const ASKER_LIFETIME_MS = 2000;
/** Maximum number of requested changes to the kernel's neighbour table per second. */
export const MAX_KERNEL_CHANGES = 256;
/** Maximum number of changes in the same second after which evicted neighbours are removed from the kernel's table. */
export const MAX_KERNEL_REMOVALS = MAX_KERNEL_CHANGES / 2;
/** Minimum interval between two clearings of the next-hop cache by redirects, which peers may send at any rate. */
export const REDIRECT_INTERVAL_MS = 100;

/** Interval between the two announcements of a new address (RFC 5227 ANNOUNCE_INTERVAL). */
export const ANNOUNCE_INTERVAL_MS = 2000;

/** Receive queue size of a queue pair, in packets (Linux module parameter `recv_queue_size`). */
export const DEFAULT_RECV_QUEUE = 256;
/**
 * That on verbs devices: packets of 2 KB at 100 Gb/s for 0.3 ms. The queue of the embedded HCA has no buffers of its own,
 * and a slow receiver stops its senders instead of losing packets.
 */
export const DEVICE_RECV_QUEUE = 2048;

/**
 * Transmit queue length of the TAP in packets: 6.7 ms at 150,000 packets/s. That of ib_ipoib is 256, in front of a
 * hardware queue.
 */
export const TX_QUEUE_LENGTH = 1000;
/** Maximum number of cached next hops per family, at 96 (IPv4) or 192 bytes (IPv6) each. A full cache is cleared. */
export const MAX_NEXT_HOPS = 65_536;

/** Default limit on the connections of other hosts to one interface. */
export const MAX_PASSIVE_CONNECTIONS = 1024;
/** Time to connect to a peer, further attempts included, until the peer is reached over UD only. */
export const CONNECT_TIMEOUT_MS = 4000;
/** Time after which a connection to a peer that is reached over UD only is tried again. */
export const FALLBACK_MS = 60_000;
/** Delay before the second attempt to connect to a peer, which doubles with each further one. */
export const RECONNECT_MS = 100;
/** Consecutive failures after which a peer is reached over UD only. */
export const MAX_CONNECTION_FAILURES = 6;
/** Age of a connection from which on its end is not one of a series of failures. */
export const STABLE_CONNECTION_MS = 10_000;
/**
 * Idle time of passive connections (Linux IPOIB_CM_RX_TIMEOUT), and interval of the check. Linux checks every 768 s
 * (IPOIB_CM_RX_DELAY), and records their use every 256 s.
 */
export const PASSIVE_IDLE_MS = 512_000;
export const PASSIVE_CHECK_MS = 256_000;
/**
 * Time without a message after which the sender of a connection must have ended it, if it still exists: twice IDLE_MS,
 * after which this program ends one. ib_ipoib takes up to 90 s (three times gc_interval).
 */
export const ABANDONED_MS = 120_000;
/** Maximum number of ICMP messages about packets that are too long, per second. */
export const MAX_TOO_BIG_PER_SECOND = 1000;
/** Maximum number of destinations that `link show` lists as unreached by a limited member. */
export const MAX_UNREACHED = 16;
