/**
 * The offload features of an interface, by the kernel's names: which are supported, requested and active.
 *
 * A feature is active if it is supported and requested, and no rule forbids it. The rules are those of the driver
 * (Linux ipoib_set_dev_features, ipoib_fix_features), of the kernel's core (netdev_fix_features), and of a TAP:
 *
 * | feature                           | supported                             | needs                                   |
 * |-----------------------------------|---------------------------------------|-----------------------------------------|
 * | `tx-checksum-ipv4`, `-ipv6`       | the port takes partial checksums      | datagram mode; each other               |
 * | `tx-tcp-segmentation`, `tx-tcp6-` | the port takes large sends            | datagram mode; the transmit checksums   |
 * | `tx-tcp-ecn-segmentation`         | the port takes large sends            | one of the two                          |
 * | `tx-tcp-mangleid-segmentation`    | the port takes large sends            | `tx-tcp-segmentation`                   |
 * | `tx-udp-segmentation`             | ... and the kernel has it (Linux 6.2) | datagram mode; the transmit checksums   |
 * | `rx-checksum`                     | checksums are verified on receive     | nothing                                 |
 * | `rx-gro`, `rx-lro`                | large sends do not pass whole         | datagram mode; each other               |
 * | `rx-udp-gro-forwarding`           | ... and the kernel has it (Linux 6.2) | `rx-gro`                                |
 *
 * On the embedded HCA, whose connections carry partial checksums and large sends too, connected mode switches nothing
 * off.
 *
 * Features that need each other are one switch with two names: a TAP has one bit for the checksums of both families,
 * and there is one coalescing, which is called LRO in the driver's documentation and GRO in the kernel.
 *
 * Requests survive a change of the mode and a new queue pair. Each interface has its own: a child starts with the
 * defaults, as in the driver.
 */

import type { PortCapabilities } from "../hca/port_attributes.ts";
import {
  KERNEL_FEATURES,
  type KernelFeature,
  type Netdev,
  TapOffload,
} from "../netdev/netdev.ts";
import type { Mode } from "./connected/connected_mode.ts";
import type { CoalescingSettings } from "./offload/coalescer.ts";

/** All features that an interface may have. Every other one is off and fixed. */
const NAMES = [
  "tx-scatter-gather",
  "tx-checksum-ipv4",
  "tx-checksum-ipv6",
  "highdma",
  "vlan-challenged",
  "tx-generic-segmentation",
  "rx-gro",
  "rx-lro",
  "tx-tcp-segmentation",
  "tx-tcp-ecn-segmentation",
  "tx-tcp-mangleid-segmentation",
  "tx-tcp6-segmentation",
  "tx-udp-segmentation",
  "rx-checksum",
  "tx-nocache-copy",
  "rx-udp-gro-forwarding",
] as const;
export type FeatureName = typeof NAMES[number];

/** Features that are always on. */
const ALWAYS: readonly FeatureName[] = [
  "tx-scatter-gather",
  "highdma",
  "vlan-challenged",
];
const CHECKSUMS: readonly FeatureName[] = [
  "tx-checksum-ipv4",
  "tx-checksum-ipv6",
];
const TCP: readonly FeatureName[] = [
  "tx-tcp-segmentation",
  "tx-tcp6-segmentation",
];
const TCP4: FeatureName = "tx-tcp-segmentation";
const MANGLED: FeatureName = "tx-tcp-mangleid-segmentation";
const ECN: FeatureName = "tx-tcp-ecn-segmentation";
const UDP: FeatureName = "tx-udp-segmentation";
const COALESCING: readonly FeatureName[] = ["rx-gro", "rx-lro"];
const UDP_COALESCING: FeatureName = "rx-udp-gro-forwarding";
/** Features that are requested together. */
const TWINS = [CHECKSUMS, COALESCING];
/** Supported features that are off by default. */
const OFF_BY_DEFAULT: readonly FeatureName[] = [
  MANGLED,
  "tx-nocache-copy",
  UDP_COALESCING,
];

const { CHECKSUM, TSO4, TSO6, TSO_ECN, USO4, USO6 } = TapOffload;
/** The work that the kernel leaves to this process if a feature is active. */
const OFFLOADS: ReadonlyMap<FeatureName, number> = new Map<FeatureName, number>(
  [
    ["tx-checksum-ipv4", CHECKSUM],
    ["tx-checksum-ipv6", CHECKSUM],
    ["tx-tcp-segmentation", TSO4],
    ["tx-tcp6-segmentation", TSO6],
    [ECN, TSO_ECN],
    [UDP, USO4 | USO6],
  ],
);

/** The state of a feature. */
export interface FeatureState {
  readonly name: FeatureName;
  readonly active: boolean;
  /** True if the feature cannot be changed. */
  readonly fixed: boolean;
  /** False if the feature is fixed. */
  readonly requested: boolean;
  /** True if a new interface requests the feature. */
  readonly default: boolean;
}

/** The switches of the receive path. */
export interface ReceiveSwitches {
  /** False if the stack is to verify all checksums, also those that the HCA has verified. */
  trustsChecksums: boolean;
  readonly coalescing: CoalescingSettings;
}

/** Dependencies of {@linkcode Features}. */
export interface FeatureParts {
  readonly netdev: Pick<
    Netdev,
    "setOffloads" | "setKernelFeature" | "takesUdpFrames"
  >;
  readonly capabilities: PortCapabilities;
  readonly mode: () => Mode;
  readonly receive: ReceiveSwitches;
}

type FeatureSet = ReadonlySet<FeatureName>;

export class Features {
  readonly #parts: FeatureParts;
  readonly #supported: Set<FeatureName>;
  readonly #fixed: FeatureSet;
  readonly #requested: Set<FeatureName>;
  /** The features of the kernel that the network device has. */
  readonly #kernel: Record<KernelFeature, boolean> = { ...KERNEL_FEATURES };
  #active: FeatureSet = new Set();

  constructor(parts: FeatureParts) {
    this.#parts = parts;
    const { capabilities, netdev } = parts;
    this.#supported = supported(capabilities, netdev.takesUdpFrames);
    // The sender's virtio header is passed to the kernel, so the checksums cannot be unverified again.
    this.#fixed = new Set(
      capabilities.segmentation === "deferred"
        ? [...ALWAYS, "rx-checksum"]
        : ALWAYS,
    );
    this.#requested = new Set(
      [...this.#supported].filter((each) => this.#isDefault(each)),
    );
    this.update();
  }

  /** Returns the features that the interface may have, in the order of the kernel's. */
  list(): FeatureState[] {
    return NAMES.map((name) => {
      const fixed = this.#isFixed(name);
      return {
        name,
        active: this.#active.has(name),
        fixed,
        requested: !fixed && this.#requested.has(name),
        default: !fixed && this.#isDefault(name),
      };
    });
  }

  #isDefault(name: FeatureName): boolean {
    return this.#supported.has(name) && !OFF_BY_DEFAULT.includes(name);
  }

  /** Requests features on or off. Has no effect on fixed features and other names. */
  change(request: Readonly<Record<string, boolean>>): void {
    for (const [name, on] of Object.entries(request)) {
      const known = NAMES.find((each) => each === name);
      if (known === undefined) continue;
      const twins = TWINS.find((each) => each.includes(known)) ?? [known];
      for (const each of twins) this.#request(each, on);
    }
    this.update();
  }

  /** Applies the requests, the mode and the rules. Called after a change of the mode too. */
  update(): void {
    const { netdev, mode, receive } = this.#parts;
    let active = this.#allowed(mode());
    const bits = offloadBits(active);
    const missing = bits & ~netdev.setOffloads(bits);
    if (missing !== 0) {
      for (const [name, offload] of OFFLOADS) {
        if ((offload & missing) !== 0) this.#supported.delete(name);
      }
      active = this.#allowed(mode());
    }
    this.#setKernelFeatures(active);
    receive.trustsChecksums = active.has("rx-checksum");
    receive.coalescing.enabled = active.has("rx-gro");
    receive.coalescing.udp = active.has(UDP_COALESCING);
    this.#active = active;
  }

  #setKernelFeatures(active: FeatureSet): void {
    for (const [feature, before] of kernelFeatures(this.#kernel)) {
      const on = active.has(feature);
      if (on === before) continue;
      this.#kernel[feature] = on;
      this.#parts.netdev.setKernelFeature(feature, on);
    }
  }

  #request(name: FeatureName, on: boolean): void {
    if (this.#isFixed(name)) return;
    if (on) this.#requested.add(name);
    else this.#requested.delete(name);
  }

  #isFixed(name: FeatureName): boolean {
    return this.#fixed.has(name) || !this.#supported.has(name);
  }

  #allowed(mode: Mode): FeatureSet {
    const on = [...this.#supported].filter((name) => this.#requested.has(name));
    const { segmentation } = this.#parts.capabilities;
    const offloads = mode === "datagram" || segmentation === "deferred";
    return fixFeatures(new Set(on), offloads);
  }
}

/** Returns the features that the port and the kernel support. */
function supported(
  { transmitChecksum, receiveChecksum, segmentation }: PortCapabilities,
  takesUdpFrames: boolean,
): Set<FeatureName> {
  const large = transmitChecksum && segmentation !== "none";
  const coalesces = segmentation !== "deferred";
  return new Set<FeatureName>([
    ...ALWAYS,
    "tx-generic-segmentation",
    "tx-nocache-copy",
    ...(transmitChecksum ? CHECKSUMS : []),
    ...(large ? [...TCP, ECN, MANGLED, UDP] : []),
    ...(receiveChecksum ? ["rx-checksum"] as const : []),
    ...(coalesces ? COALESCING : []),
    ...(coalesces && takesUdpFrames ? [UDP_COALESCING] : []),
  ]);
}

/**
 * Removes the features whose needs are not met (see the module description).
 *
 * @param offloads false if the mode forbids checksum offload, large sends and coalescing
 */
function fixFeatures(wanted: FeatureSet, offloads: boolean): FeatureSet {
  const active = new Set(wanted);
  const remove = (names: readonly FeatureName[]) =>
    names.forEach((name) => active.delete(name));
  if (!offloads || !CHECKSUMS.every((name) => active.has(name))) {
    remove([...CHECKSUMS, ...TCP, UDP]);
  }
  if (!TCP.some((name) => active.has(name))) remove([ECN]);
  if (!active.has(TCP4)) remove([MANGLED]);
  if (!offloads || !COALESCING.every((name) => active.has(name))) {
    remove([...COALESCING, UDP_COALESCING]);
  }
  return active;
}

function kernelFeatures(
  features: Readonly<Record<KernelFeature, boolean>>,
): [KernelFeature, boolean][] {
  return Object.entries(features) as [KernelFeature, boolean][];
}

/** Returns the work that the kernel leaves to this process, as TUN_F_ bits. */
function offloadBits(active: FeatureSet): number {
  return [...active].reduce(
    (bits, name) => bits | (OFFLOADS.get(name) ?? 0),
    0,
  );
}
