/**
 * Virtio header before each frame of a TAP device with IFF_VNET_HDR (`struct virtio_net_hdr_v1`).
 *
 * | offset | size | field                                              |
 * |--------|------|----------------------------------------------------|
 * | 0      | 1    | flags                                              |
 * | 1      | 1    | GSO type                                           |
 * | 2      | 2    | bytes of all headers                               |
 * | 4      | 2    | GSO segment size                                   |
 * | 6      | 2    | checksum start, from the Ethernet header           |
 * | 8      | 2    | checksum field, from that start: 16 TCP, 6 UDP     |
 * | 10     | 2    | number of buffers, not used by the TAP             |
 *
 * Sixteen-bit fields are in host order. All supported hosts are little-endian (x86-64 and arm64).
 * Sources: linux/virtio_net.h, virtio 1.2 section 5.1.6.
 */

/** Bytes of the header. */
export const VNET_HEADER_LENGTH = 12;

/** Offsets of the fields. */
export const VnetField = {
  Flags: 0,
  GsoType: 1,
  HeaderLength: 2,
  GsoSize: 4,
  ChecksumStart: 6,
  ChecksumOffset: 8,
  Buffers: 10,
} as const;

/** Bits of the flags byte. */
export const VnetFlag = {
  /** The checksum field contains the pseudo-header sum. The checksum must be completed before transmission. */
  NeedsChecksum: 1,
  /** The checksum was verified. A TAP ignores the flag in frames that are written (Linux tun_get_user, 6.1 and 6.18). */
  DataValid: 2,
} as const;

/** GSO types. {@linkcode GSO_ECN} may be set with a TCP type. */
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

  /** Sets all 12 bytes to zero: no offload requested, no checksum verified. */
  clear(): void {
    this.view.setInt32(this.base, 0);
    this.view.setInt32(this.base + 4, 0);
    this.view.setInt32(this.base + 8, 0);
  }

  get flags(): number {
    return this.view.getUint8(this.base + VnetField.Flags);
  }
  set flags(flags: number) {
    this.view.setUint8(this.base + VnetField.Flags, flags);
  }
  get needsChecksum(): boolean {
    return (this.view.getUint8(this.base + VnetField.Flags) &
      VnetFlag.NeedsChecksum) !== 0;
  }
  /** GSO type, including the ECN bit. */
  get gsoType(): number {
    return this.view.getUint8(this.base + VnetField.GsoType);
  }
  set gsoType(type: number) {
    this.view.setUint8(this.base + VnetField.GsoType, type);
  }
  get headerLength(): number {
    return this.view.getUint16(
      this.base + VnetField.HeaderLength,
      LITTLE_ENDIAN,
    );
  }
  set headerLength(bytes: number) {
    this.view.setUint16(
      this.base + VnetField.HeaderLength,
      bytes,
      LITTLE_ENDIAN,
    );
  }
  /** Payload bytes of one segment. */
  get gsoSize(): number {
    return this.view.getUint16(this.base + VnetField.GsoSize, LITTLE_ENDIAN);
  }
  set gsoSize(bytes: number) {
    this.view.setUint16(this.base + VnetField.GsoSize, bytes, LITTLE_ENDIAN);
  }
  get checksumStart(): number {
    return this.view.getUint16(
      this.base + VnetField.ChecksumStart,
      LITTLE_ENDIAN,
    );
  }
  set checksumStart(bytes: number) {
    this.view.setUint16(
      this.base + VnetField.ChecksumStart,
      bytes,
      LITTLE_ENDIAN,
    );
  }
  get checksumOffset(): number {
    return this.view.getUint16(
      this.base + VnetField.ChecksumOffset,
      LITTLE_ENDIAN,
    );
  }
  set checksumOffset(bytes: number) {
    this.view.setUint16(
      this.base + VnetField.ChecksumOffset,
      bytes,
      LITTLE_ENDIAN,
    );
  }
  get buffers(): number {
    return this.view.getUint16(this.base + VnetField.Buffers, LITTLE_ENDIAN);
  }
  set buffers(count: number) {
    this.view.setUint16(this.base + VnetField.Buffers, count, LITTLE_ENDIAN);
  }
}
