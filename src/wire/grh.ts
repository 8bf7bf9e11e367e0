/**
 * Global route header (GRH): 40 bytes in the format of an IPv6 header (IBTA vol. 1 8.3).
 *
 * | offset | bits     | field                                                   |
 * |--------|----------|---------------------------------------------------------|
 * | 0      | 4, 8, 20 | IPVer (6), TClass, FlowLabel                            |
 * | 4      | 16       | PayLen: bytes after the GRH, ICRC included              |
 * | 6      | 8        | NxtHdr, 0x1b                                            |
 * | 7      | 8        | HopLmt                                                  |
 * | 8      | 128      | SGID                                                    |
 * | 24     | 128      | DGID                                                    |
 *
 * A UD receive buffer always begins with 40 bytes for the GRH. They are valid only if the packet had a GRH.
 */

import { GID_LENGTH } from "./gid.ts";

/** Bytes of the header. */
export const GRH_LENGTH = 40;
/** Offsets of the two GIDs. */
export const GRH_SGID = 8;
export const GRH_DGID = 24;
/** NxtHdr of an IBA transport header. */
export const GRH_NEXT_HEADER = 0x1b;

/** A re-pointable view of the header. */
export class Grh {
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

  get version(): number {
    return this.view.getUint8(this.base) >> 4;
  }
  get trafficClass(): number {
    return this.view.getUint16(this.base) >> 4 & 0xff;
  }
  /** 20 bits. */
  get flowLabel(): number {
    return this.view.getUint32(this.base) & 0xfffff;
  }
  /** Writes the first word: version 6, traffic class and flow label. */
  setClassAndFlow(trafficClass: number, flowLabel: number): void {
    this.view.setInt32(
      this.base,
      6 << 28 | trafficClass << 20 | flowLabel & 0xfffff,
    );
  }
  get payloadLength(): number {
    return this.view.getUint16(this.base + 4);
  }
  set payloadLength(bytes: number) {
    this.view.setUint16(this.base + 4, bytes);
  }
  get nextHeader(): number {
    return this.view.getUint8(this.base + 6);
  }
  set nextHeader(value: number) {
    this.view.setUint8(this.base + 6, value);
  }
  get hopLimit(): number {
    return this.view.getUint8(this.base + 7);
  }
  set hopLimit(hops: number) {
    this.view.setUint8(this.base + 7, hops);
  }

  /** Copies the source GID to `into`. */
  copySgid(into: Uint8Array, offset = 0): void {
    this.#copyOut(GRH_SGID, into, offset);
  }
  /** Copies the destination GID to `into`. */
  copyDgid(into: Uint8Array, offset = 0): void {
    this.#copyOut(GRH_DGID, into, offset);
  }
  /** Writes the source GID from the 16 bytes at `offset`. */
  setSgid(gid: Uint8Array, offset = 0): void {
    this.#copyIn(GRH_SGID, gid, offset);
  }
  /** Writes the destination GID from the 16 bytes at `offset`. */
  setDgid(gid: Uint8Array, offset = 0): void {
    this.#copyIn(GRH_DGID, gid, offset);
  }

  // Byte by byte: a subarray for Uint8Array.set would be allocated for every packet.
  #copyOut(field: number, into: Uint8Array, offset: number): void {
    for (let i = 0; i < GID_LENGTH; i++) {
      into[offset + i] = this.view.getUint8(this.base + field + i);
    }
  }
  #copyIn(field: number, gid: Uint8Array, offset: number): void {
    for (let i = 0; i < GID_LENGTH; i++) {
      this.view.setUint8(this.base + field + i, gid[offset + i]!);
    }
  }
}
