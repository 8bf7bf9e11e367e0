/**
 * Local route header (LRH): the first 8 bytes of every InfiniBand packet (IBTA vol. 1 7.7).
 *
 * | offset | bits               | field                                               |
 * |--------|--------------------|-----------------------------------------------------|
 * | 0      | 4, 4               | VL, LVer (0)                                        |
 * | 1      | 4, 2, 2            | SL, reserved, LNH                                   |
 * | 2      | 16                 | DLID                                                |
 * | 4      | 5, 11              | reserved, PktLen: words of 4 bytes, LRH to ICRC     |
 * | 6      | 16                 | SLID                                                |
 */

/** First and last multicast LIDs (IBTA vol. 1 4.1.3). */
export const FIRST_MLID = 0xc000;
export const LAST_MLID = 0xfffe;
/** Permissive LID: accepted by any port (IBTA vol. 1 4.1.3). */
export const PERMISSIVE_LID = 0xffff;

/** Bytes of the header. */
export const LRH_LENGTH = 8;

/** Type of the header that follows the LRH (LNH). */
export const LinkNextHeader = {
  Raw: 0,
  RawIpv6: 1,
  /** BTH. */
  IbaLocal: 2,
  /** GRH. */
  IbaGlobal: 3,
} as const;

const PKT_LEN = 0x7ff;

/** A re-pointable view of the header. */
export class Lrh {
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

  get vl(): number {
    return this.view.getUint8(this.base) >> 4;
  }
  /** Writes VL, and LVer 0, the only version. */
  set vl(vl: number) {
    this.view.setUint8(this.base, vl << 4);
  }
  get linkVersion(): number {
    return this.view.getUint8(this.base) & 0x0f;
  }
  get sl(): number {
    return this.view.getUint8(this.base + 1) >> 4;
  }
  /** One of {@linkcode LinkNextHeader}. */
  get nextHeader(): number {
    return this.view.getUint8(this.base + 1) & 3;
  }
  /** Writes SL and LNH, and the reserved bits between them as zero. */
  setSlAndNextHeader(sl: number, nextHeader: number): void {
    this.view.setUint8(this.base + 1, sl << 4 | nextHeader);
  }
  get dlid(): number {
    return this.view.getUint16(this.base + 2);
  }
  set dlid(lid: number) {
    this.view.setUint16(this.base + 2, lid);
  }
  /** Words of 4 bytes from the LRH to the ICRC. */
  get packetLength(): number {
    return this.view.getUint16(this.base + 4) & PKT_LEN;
  }
  /** Writes PktLen, and the reserved bits as zero. */
  set packetLength(words: number) {
    this.view.setUint16(this.base + 4, words & PKT_LEN);
  }
  get slid(): number {
    return this.view.getUint16(this.base + 6);
  }
  set slid(lid: number) {
    this.view.setUint16(this.base + 6, lid);
  }
}
