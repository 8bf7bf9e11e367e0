/**
 * The interface to the kernel: a network device, its configuration (`net_config.ts`) and its neighbours.
 *
 * `open_netdev.ts` implements it with a TAP of link type InfiniBand (`tap/`) and a mirror of its configuration over
 * rtnetlink (`rtnetlink/`); `fake.ts` implements it for unit tests. A netdev has no frame memory: it reads and writes
 * frames in memory of the caller, so that they are not copied.
 */

import type { AddrGenMode } from "../base/addr_gen_mode.ts";
import type { Millis } from "../base/units.ts";
import type { FrameBatch, GatheredFrame } from "../system/frames.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import type { GatewayPrefixes } from "./gateway_prefixes.ts";
import type { NetConfig } from "./net_config.ts";

/** An address as the kernel reports it (linux/if_addr.h). */
export interface KernelAddress {
  readonly local: IpAddress;
  /** The other end of a point-to-point address; undefined for other addresses. */
  readonly peer: IpAddress | undefined;
  /** In bits. */
  readonly prefixLength: number;
  /** The broadcast address that was configured, if any. */
  readonly broadcast: IpAddress | undefined;
  /** RT_SCOPE_ value. */
  readonly scope: number;
  /** IFA_F_ flags. */
  readonly flags: number;
  readonly label: string | undefined;
  /** Metric of the route of the prefix, if it was configured. */
  readonly metric: number | undefined;
  /** 0xffffffff without an end. */
  readonly preferredSeconds: number;
  readonly validSeconds: number;
}

/** An address to set, with the attributes of `ip address add`. */
export interface NewAddress {
  readonly local: IpAddress;
  /** The other end of a point-to-point address. */
  readonly peer?: IpAddress | undefined;
  /** In bits. */
  readonly prefixLength: number;
  /** The broadcast address of an IPv4 address: "subnet" for the last one of its subnet. Default: none. */
  readonly broadcast?: IpAddress | "subnet" | undefined;
  /** IFA_F_ flags. */
  readonly flags: number;
  readonly label?: string | undefined;
  /** Metric of the route of the prefix. */
  readonly metric?: number | undefined;
}

/** A unicast route through the interface, with one next hop. */
export interface DeviceRoute {
  readonly destination: IpAddress;
  /** In bits. */
  readonly prefixLength: number;
  /** The gateway; undefined if the destinations are on the link. */
  readonly gateway?: IpAddress | undefined;
  /** The preferred source address. */
  readonly source?: IpAddress | undefined;
  readonly metric?: number | undefined;
  /** Number of the routing table; 254 is main. */
  readonly table: number;
  /** MTU of the path, in bytes. */
  readonly mtu?: number | undefined;
  /** True if the gateway is on the link without an address of its subnet. */
  readonly onlink: boolean;
}

/**
 * Numbers of queues and limits of large packets of a device under the names of iproute2, as far as the kernel reports
 * them.
 */
export interface DeviceLimits {
  readonly "num_tx_queues"?: number;
  readonly "num_rx_queues"?: number;
  readonly "gso_max_size"?: number;
  readonly "gso_max_segs"?: number;
  readonly "tso_max_size"?: number;
  readonly "tso_max_segs"?: number;
  readonly "gro_max_size"?: number;
}

/** Status of a device in the kernel. */
export interface DeviceStatus {
  /** IFF_ flags. */
  readonly flags: number;
  readonly carrier: boolean;
  /** IF_OPER_ state (RFC 2863). */
  readonly operState: number;
  /** True if a supervisor sets the operational state (IF_LINK_MODE_DORMANT). */
  readonly dormantMode: boolean;
  readonly qdisc: string;
  /** Group of the device, which `ip link show group` selects. */
  readonly group: number;
  readonly txQueueLength: number;
  readonly alias: string | undefined;
  /** How the kernel forms link-local addresses; undefined while IPv6 is disabled. */
  readonly addrGenMode: AddrGenMode | undefined;
  /** Number of users of promiscuous mode, and of all-multicast mode. */
  readonly promiscuity: number;
  readonly allmulti: number;
  readonly minMtu: number;
  readonly maxMtu: number;
  readonly limits: DeviceLimits;
  /** Number of packets that the kernel dropped before they were read, since this process opened the device. */
  readonly queueDrops: number;
  /** True if the kernel forwards IPv6 packets that it receives on the device. */
  readonly forwardsIpv6: boolean;
}

/** Changes of a device, without its MTU. The names and values are those of `ip link set`. */
export interface LinkChanges {
  readonly up?: boolean | undefined;
  readonly name?: string | undefined;
  /** At most 255 bytes. An empty text removes the alias. */
  readonly alias?: string | undefined;
  /** In packets. */
  readonly txQueueLength?: number | undefined;
  readonly group?: number | undefined;
  /** The network namespace to which the device is moved: open, or that of a process. */
  readonly netns?:
    | { readonly fd: number }
    | { readonly pid: number }
    | undefined;
  readonly linkMode?: "default" | "dormant" | undefined;
  readonly addrGenMode?: AddrGenMode | undefined;
  readonly arp?: boolean | undefined;
  readonly multicast?: boolean | undefined;
  readonly allmulticast?: boolean | undefined;
  readonly promisc?: boolean | undefined;
  readonly dynamic?: boolean | undefined;
}

/**
 * Work that the kernel may leave to the reader of frames, as bits of TUNSETOFFLOAD (TUN_F_, `linux/if_tun.h`). All need
 * {@linkcode TapOffload.CHECKSUM}, and TSO_ECN needs TSO4 or TSO6.
 */
export const TapOffload = {
  /** Frames may have partial checksums. */
  CHECKSUM: 0x01,
  /** Frames may be large sends: of TCP over IPv4, of TCP over IPv6, also with ECN's CWR flag, and of UDP. */
  TSO4: 0x02,
  TSO6: 0x04,
  TSO_ECN: 0x08,
  USO4: 0x20,
  USO6: 0x40,
} as const;

/** Features that the kernel implements itself, and whether a new device has them, by the kernel's names. */
export const KERNEL_FEATURES = {
  /** The stack segments large sends late, when it hands them to the device. */
  "tx-generic-segmentation": true,
  /**
   * Large sends may have segments with equal IPv4 identifiers, as forwarded ones may. The frame does not say which do, so
   * segmentation may change the identifiers.
   */
  "tx-tcp-mangleid-segmentation": false,
  /** The stack copies data to be sent past the CPU's cache. */
  "tx-nocache-copy": false,
} as const;
export type KernelFeature = keyof typeof KERNEL_FEATURES;

/**
 * Receives a frame, which starts with the virtio header: `sent` by the kernel, or `received` by it. The bytes are valid
 * during the call only. The kernel may still refuse a frame that was written.
 */
export type FrameListener = (
  direction: "sent" | "received",
  frame: Uint8Array,
) => void;

/** A network device. */
export interface Netdev {
  /** The name at creation. The current name is `config.name`. */
  readonly name: string;
  /** The current index, the same as `config.ifindex`. It may change when the interface moves to another namespace. */
  readonly ifindex: number;
  readonly config: NetConfig;
  /**
   * "program" if a BPF program writes next hops into frames, else "routes", followed by the reason if the program could
   * not be attached.
   */
  readonly nextHopSource: string;
  /** True if the kernel takes written frames of several UDP packets (GsoType.UdpL4): Linux 6.2 and later. */
  readonly takesUdpFrames: boolean;
  /** True if the device existed before this process opened it: its configuration in the kernel is kept. */
  readonly adopted: boolean;
  /** The IPv6 gateways in frames; without entries if no program is attached. */
  readonly gatewayPrefixes: GatewayPrefixes;
  /**
   * Called with frames that were read, each starting with the virtio header. The callee owns their slots; the netdev
   * reuses the batch.
   */
  onFrames: (batch: FrameBatch) => void;
  /**
   * Called with a number of written frames, and the bytes and the number of the packets that they stand for: more
   * packets than frames if some were gathered.
   */
  onWritten: (frames: number, bytes: number, packets: number) => void;
  /**
   * Called for each frame that could not be written, with a positive errno (EIO while the link is down) and the number
   * of packets that the frame stands for: 1 unless it was gathered.
   */
  onRefused: (errno: number, packets: number) => void;
  /**
   * Called for each failed read of the device, with a positive errno. The device is read again after a pause; a frame
   * for which the read failed may be lost. Not called if the device was deleted.
   */
  onReadFailed: (errno: number) => void;
  /**
   * Writes a frame at `address`, starting with the virtio header. The bytes must not change until the reactor's next
   * wait is over.
   */
  write(address: bigint, length: number): void;
  /** Writes the pieces of a frame as one frame. `frame` may be reused immediately, the bytes of its pieces may not. */
  writeGathered(frame: GatheredFrame): void;
  /** Number of packets in written frames without a result. */
  readonly writing: number;
  /** Writes a frame from a buffer immediately. Returns the bytes written or a negative errno. For the slow path. */
  writeBytes(frame: Uint8Array): number;
  /**
   * Continues reading. Called when slots are free again. Without slots the device is not read: when its queue is full,
   * the kernel drops packets, which slows down TCP but no other senders.
   */
  resume(): void;
  /** Sets the carrier state of the device. */
  setCarrier(on: boolean): void;
  /** Sets the speed of the device in Mbit/s, which ethtool and sysfs show. */
  setSpeed(mbps: number): void;
  /**
   * Lets the kernel leave the given work to the reader of frames, and no other. Frames that are already queued are not
   * changed. Returns the bits in effect ({@linkcode TapOffload}): those that the kernel supports.
   */
  setOffloads(bits: number): number;
  /**
   * Sets a feature of the device that the kernel implements itself. Has no effect if the kernel does not have it. A new
   * device has the features of {@linkcode KERNEL_FEATURES}.
   */
  setKernelFeature(feature: KernelFeature, on: boolean): void;
  /** Reads the status from the kernel. */
  status(): DeviceStatus;
  /** Reads the addresses of the device from the kernel, also those that are not usable yet. Throws `E_NETLINK`. */
  kernelAddresses(): KernelAddress[];
  /** Sets an address of the device. Throws `E_ADDRESS_SET` if the kernel refuses. */
  setAddress(address: NewAddress): void;
  /** Reads the routes through the device that an administrator added, of all tables. Throws `E_NETLINK`. */
  routes(): DeviceRoute[];
  /** Adds a route, unless the device has it. Throws `E_ROUTE_ADD` if the kernel refuses. */
  addRoute(route: DeviceRoute): void;
  /** Sets the MTU of the device in bytes and updates `config.mtu`. Throws if the kernel refuses. */
  setMtu(mtu: number): void;
  /** Changes the device. `config` follows later with a change of kind "link". Throws if the kernel refuses. */
  change(changes: LinkChanges): void;
  /** Called after the kernel has sent an IGMP or MLD report: memberships may have changed (see memberships/). */
  noteReport(now: Millis): void;
  /**
   * Calls the listener with each frame that is read from or written to the device, until the returned function is
   * called. Without observers, a batch of frames read and a frame written cost one branch each.
   */
  observeFrames(listener: FrameListener): () => void;
  /**
   * Adds a link-local address if addr_gen_mode is eui64, in which the kernel forms none for a device without link-layer
   * addresses. Does nothing in the other modes, and while IPv6 is disabled. Throws `E_NETLINK` if the mode cannot be
   * read.
   */
  addLinkLocal(address: IpAddress): void;
  deleteLinkLocal(address: IpAddress): void;
  close(): void;
}
