/**
 * The facts that the checks use, and the sources of each: the host, the process of an interface, the manager of an
 * embedded subnet, and echo requests to a peer. `gather/` collects them.
 */

import type {
  AddressRecord,
  DoctorRecord,
  FaultRecord,
  LinkRecord,
  McgRecord,
  NeighRecord,
  PathRecord,
  StatsRecord,
  SubnetRecord,
} from "../ipc/schema.ts";

/** A value, or why it could not be found out. */
export type Fact<T> = { readonly value: T } | { readonly why: string };

/** Facts about the host. */
export interface HostFacts {
  readonly rights: {
    readonly netAdmin: boolean;
    readonly sysAdmin: boolean;
  };
  /** Errno of opening `/dev/net/tun`; 0 if it can be opened. */
  readonly tunErrno: number;
  readonly runtime: {
    readonly path: string;
    /** Why the directory is refused; undefined if it is usable, or does not exist. */
    readonly error: Problem | undefined;
    /** True if this user may create files in the directory. */
    readonly writable: boolean;
  };
  /** RDMA devices of the host. */
  readonly devices: readonly DeviceFacts[];
  readonly libraries: readonly LibraryFacts[];
  /** Bytes of memory that a process of this user may lock; Infinity without a limit. */
  readonly lockableBytes: number;
}

/** An error as the program prints it. */
export interface Problem {
  readonly message: string;
  readonly hint?: string | undefined;
}

export interface DeviceFacts {
  readonly name: string;
  readonly ports: readonly {
    readonly port: number;
    readonly linkLayer: "infiniband" | "ethernet" | "iwarp";
  }[];
  /** Why device files cannot be opened. */
  readonly fileProblems: readonly Problem[];
  /** True if libibverbs lists the device, which takes its provider; undefined without libibverbs. */
  readonly provided: boolean | undefined;
}

export interface LibraryFacts {
  readonly name: string;
  /** The file that was loaded, with symbolic links resolved; undefined if the library cannot be loaded. */
  readonly path: string | undefined;
  /** Debian package that contains it. */
  readonly package: string;
}

/** An address of a network device in the namespace. */
export interface DeviceAddress {
  readonly device: string;
  readonly address: string;
  /** Address and prefix length: `10.0.0.1/24`. */
  readonly cidr: string;
}

/** Facts about the network namespace of an interface. */
export interface NamespaceFacts {
  /**
   * Values of {@linkcode IPV4_SYSCTLS}, by `all.NAME` and `IF.NAME`, and of {@linkcode DISABLE_IPV6} of the interface;
   * without those that do not exist.
   */
  readonly sysctls: Readonly<Record<string, string>>;
  /** All IPv4 addresses. */
  readonly addresses: readonly DeviceAddress[];
}

/** The sysctls of IPv4 that matter if several devices share a subnet. `all` and the device are combined by maximum. */
export const IPV4_SYSCTLS = ["rp_filter", "arp_ignore", "arp_filter"] as const;

/** Name of the sysctl that disables IPv6 on a device. */
export const DISABLE_IPV6 = "disable_ipv6";

/** Another user of the same port of a device. */
export interface PortHolder {
  readonly name: string;
  readonly kind: "ipoib" | "ib_ipoib";
  readonly pkey: string;
}

/** What the process of an interface reports. */
export interface InterfaceFacts {
  readonly link: LinkRecord;
  /** Version of this program. */
  readonly ownVersion: string;
  readonly doctor: Fact<DoctorRecord>;
  readonly groups: Fact<readonly McgRecord[]>;
  readonly addresses: Fact<readonly AddressRecord[]>;
  readonly namespace: Fact<NamespaceFacts>;
  /** Other users of the port; empty on the embedded subnet, where each interface has its own port. */
  readonly holders: readonly PortHolder[];
  /** Counters at the beginning and at the end of the examination. */
  readonly counters: Fact<CounterWindow>;
}

export interface CounterWindow {
  readonly before: StatsRecord;
  readonly after: StatsRecord;
  readonly seconds: number;
}

/** An interface whose process does not answer, or that does not exist. */
export interface AbsentInterface {
  readonly problem: Problem;
  /** True if this user may not ask the process. */
  readonly denied: boolean;
}

/** Facts about an embedded subnet. */
export interface SubnetFacts {
  readonly name: string;
  /** Why this user may not ask the manager; undefined if it was asked. */
  readonly refusal: Problem | undefined;
  /** From the manager. */
  readonly record: Fact<SubnetRecord>;
  readonly faults: Fact<FaultRecord>;
  /** PIDs of processes with ports that a signal has stopped. */
  readonly stoppedPids: readonly number[];
}

/** Echo requests of one size. */
export interface EchoFacts {
  /** Length of the IP packets in bytes. */
  readonly length: number;
  readonly sent: number;
  /** True if the last one was answered. */
  readonly answered: boolean;
  /** Round trip of the answered request in milliseconds. */
  readonly rttMs?: number;
  /** Errno of the last one, such as EHOSTUNREACH; 0 if there was no answer. */
  readonly errno: number;
  /** MTU of the path, if a packet was too long for it. */
  readonly pathMtu?: number;
}

/** Facts about a peer, which is reached through an interface. */
export interface PeerFacts {
  readonly peer: string;
  readonly link: LinkRecord;
  readonly route: Fact<NonNullable<DoctorRecord["route"]>>;
  /** The address from which the kernel sends to the peer without a bound device; undefined without a route. */
  readonly source: Fact<string | undefined>;
  /** True if the kernel sends to the peer through other interfaces only, without a bound device. */
  readonly elsewhere: Fact<boolean>;
  readonly ownAddresses: Fact<readonly AddressRecord[]>;
  readonly small: Fact<EchoFacts>;
  readonly full: Fact<EchoFacts>;
  /** After the echo requests. */
  readonly neighbours: Fact<readonly NeighRecord[]>;
  readonly paths: Fact<readonly PathRecord[]>;
  /** The subnet of the interface, if it is embedded. */
  readonly subnet: SubnetFacts | undefined;
}

/** The facts about an interface, its embedded subnet, and the peer that is examined through it. */
export interface Gathered {
  readonly facts: InterfaceFacts;
  /** Undefined on the fabric of a device. */
  readonly subnet: SubnetFacts | undefined;
  readonly peer: PeerFacts | undefined;
}
