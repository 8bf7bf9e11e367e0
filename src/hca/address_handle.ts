/** Address handles, and the attributes with which they are created. */

/** The destination of UD packets: created once per path or group and used for every packet to it. */
export interface AddressHandle {
  destroy(): void;
}

/** Attributes of an address handle (IBTA vol. 1 11.2.2.1). */
export interface AddressHandleAttributes {
  dlid: number;
  sl: number;
  /** Rate code of a path that is slower than the port (port_rate.ts); 0 means the port's own rate. */
  staticRate: number;
  /** Low bits of the source LID, which replace those of the port's LID (IBTA vol. 1 4.1.3). Default: 0. */
  pathBits?: number;
  /** Present if packets have a GRH. Required for multicast. */
  grh?: {
    dgid: Uint8Array;
    flowLabel: number;
    hopLimit: number;
    trafficClass: number;
    sgidIndex: number;
  };
}
