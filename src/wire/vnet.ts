/**
 * The virtio header that stands before each frame of a TAP with IFF_VNET_HDR (`struct virtio_net_hdr_v1`).
 *
 * | offset | size | field                                              |
 * |--------|------|----------------------------------------------------|
 * | 0      | 1    | flags                                              |
 * | 1      | 1    | GSO type                                           |
 * | 2      | 2    | bytes of all headers                              |
 * | 4      | 2    | GSO segment size                                   |
 * | 6      | 2    | where the checksum begins, from the Ethernet header |
 * | 8      | 2    | where its field lies from there: 16 TCP, 6 UDP     |
 * | 10     | 2    | buffers, unused by a TAP                           |
 *
 * Sixteen-bit fields have the host's order; every host that runs this is little-endian (x86-64 and arm64).
 * Sources: linux/virtio_net.h, virtio 1.2 section 5.1.6.
 */

/** Bytes of the header. */
export const VNET_HEADER_LENGTH = 12;

/** Bits of the flags byte. */
export const VnetFlag = {
  /** The checksum field holds the pseudo-header sum: complete it before the packet leaves. */
  NeedsChecksum: 1,
  /** The checksum was verified. */
  DataValid: 2,
} as const;

/** GSO types; {@linkcode GSO_ECN} may be added to a TCP one. */
export const GsoType = {
  None: 0,
  Tcpv4: 1,
  Udp: 3,
  Tcpv6: 4,
  UdpL4: 5,
} as const;
export const GSO_ECN = 0x80;

const LITTLE_ENDIAN = true;

/** A re-pointable view of the header. */
export class VnetHeader {
  view: DataView;
  base: number;

  constructor(view: DataView = new DataView(new ArrayBuffer(0)), base = 0) {
    this.view = view;
    this.base = base;
  }

  /** Points the view at another header. */
  at(view: DataView, base: number): this {
    this.view = view;
    this.base = base;
    return this;
  }

  /** Zeroes all 12 bytes: no offload asked for, nothing known. */
  clear(): void {
    this.view.setInt32(this.base, 0);
    this.view.setInt32(this.base + 4, 0);
    this.view.setInt32(this.base + 8, 0);
  }

  get flags(): number {
    return this.view.getUint8(this.base);
  }
  set flags(flags: number) {
    this.view.setUint8(this.base, flags);
  }
  get needsChecksum(): boolean {
    return (this.view.getUint8(this.base) & VnetFlag.NeedsChecksum) !== 0;
  }
  /** With the ECN bit. */
  get gsoType(): number {
    return this.view.getUint8(this.base + 1);
  }
  set gsoType(type: number) {
    this.view.setUint8(this.base + 1, type);
  }
  get headerLength(): number {
    return this.view.getUint16(this.base + 2, LITTLE_ENDIAN);
  }
  set headerLength(bytes: number) {
    this.view.setUint16(this.base + 2, bytes, LITTLE_ENDIAN);
  }
  /** Payload bytes of one segment. */
  get gsoSize(): number {
    return this.view.getUint16(this.base + 4, LITTLE_ENDIAN);
  }
  set gsoSize(bytes: number) {
    this.view.setUint16(this.base + 4, bytes, LITTLE_ENDIAN);
  }
  get checksumStart(): number {
    return this.view.getUint16(this.base + 6, LITTLE_ENDIAN);
  }
  set checksumStart(bytes: number) {
    this.view.setUint16(this.base + 6, bytes, LITTLE_ENDIAN);
  }
  get checksumOffset(): number {
    return this.view.getUint16(this.base + 8, LITTLE_ENDIAN);
  }
  set checksumOffset(bytes: number) {
    this.view.setUint16(this.base + 8, bytes, LITTLE_ENDIAN);
  }
  get buffers(): number {
    return this.view.getUint16(this.base + 10, LITTLE_ENDIAN);
  }
  set buffers(count: number) {
    this.view.setUint16(this.base + 10, count, LITTLE_ENDIAN);
  }
}
