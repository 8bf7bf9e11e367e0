/** Parameters and result of a measurement between two devices of a virtual machine. */

/** Two connected devices. */
export interface DevicePair {
  readonly from: string;
  readonly to: string;
  /** True if the link is Ethernet. */
  readonly roce: boolean;
}

/** Packets per second. */
export interface UdRates {
  readonly sent: number;
  readonly received: number;
}
