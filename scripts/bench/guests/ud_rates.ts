/** What is measured between two devices of a virtual machine. */

/** Two devices that reach each other. */
export interface DevicePair {
  readonly from: string;
  readonly to: string;
  /** The link is Ethernet. */
  readonly roce: boolean;
}

/** Packets a second. */
export interface UdRates {
  readonly sent: number;
  readonly received: number;
}
