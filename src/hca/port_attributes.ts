/** The attributes of a port, with its state, its offloads and its transport services. */

import type { IbMtu } from "../base/units.ts";

/** Logical port states (IBTA vol. 1 14.2.5.6). */
export type PortState = "down" | "init" | "armed" | "active";

/** The current attributes of a port. */
export interface PortAttributes {
  /** For example "soft:default" or "mlx5_0". */
  readonly device: string;
  readonly port: number;
  readonly linkLayer: "infiniband" | "ethernet";
  readonly state: PortState;
  /** Why the device is lost; undefined unless the port waits for it. A clause: "it was removed". */
  readonly lost?: string;
  readonly physState: string;
  readonly lid: number;
  readonly lmc: number;
  readonly smLid: number;
  readonly smSl: number;
  /** 64 bits. */
  readonly portGuid: bigint;
  /**
   * The port's own GID, 16 bytes: that at index 0 (subnet prefix and port GUID), or on Ethernet a link-local GID
   * (verbs/roce/roce_netdev.ts).
   */
  readonly gid: Uint8Array;
  readonly maxMtu: IbMtu;
  readonly activeMtu: IbMtu;
  /** True if address handles and MADs must have a GRH: the port refuses others (IBV_QPF_GRH_REQUIRED). */
  readonly grhRequired: boolean;
  /** Number of lanes: 1, 2, 4, 8 or 12. */
  readonly activeWidth: number;
  /** Nominal rate of one lane in Mb/s. */
  readonly laneMbps: number;
  /** The P_Key table. */
  readonly pkeys: readonly number[];
  /** Firmware version and bus information, for `ethtool -i`. */
  readonly firmware: string;
  readonly busInfo: string;
  readonly capabilities: PortCapabilities;
}

/** The offloads and transport services of a port. */
export interface PortCapabilities {
  /** True if posted packets may have partial checksums (VnetFlag.NeedsChecksum). */
  readonly transmitChecksum: boolean;
  /** True if the checksums of received packets are verified; correct ones set `RxFlag.ChecksumOk`. */
  readonly receiveChecksum: boolean;
  /**
   * Handling of a large send (a packet whose virtio header has a GSO type). "deferred": it is transferred unsegmented
   * with its virtio header to the receiver's kernel. "hardware": the device segments it. "requests": the port posts a
   * request for each segment. "none": it must not be posted.
   */
  readonly segmentation: "deferred" | "hardware" | "requests" | "none";
  /** True if connected mode is supported; otherwise the reason why it is not. */
  readonly connectionManagement: true | string;
  /** Retry count and RNR retry count of the connections that the port opens. 3 bits; 7 RNR retries: without limit. */
  readonly connectionRetries: number;
  /** True if the connections share a receive queue; false if each has one of its own. */
  readonly sharedReceiveQueue: boolean;
}
