/**
 * Datagram extended transport header: 8 bytes after the BTH of a UD packet (IBTA vol. 1 9.3.1).
 *
 * | offset | bits | field    |
 * |--------|------|----------|
 * | 0      | 32   | Q_Key    |
 * | 4      | 8    | reserved |
 * | 5      | 24   | SrcQP    |
 */

/** Bytes of the header. */
export const DETH_LENGTH = 8;

/** A re-pointable view of the header. */
export class Deth {
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

  /** Unsigned 32 bits. */
  get qkey(): number {
    return this.view.getUint32(this.base);
  }
  set qkey(qkey: number) {
    this.view.setUint32(this.base, qkey);
  }
  get sourceQpn(): number {
    return this.view.getUint32(this.base + 4) & 0xffffff;
  }
  /** Sets the reserved byte to zero. */
  set sourceQpn(qpn: number) {
    this.view.setUint32(this.base + 4, qpn & 0xffffff);
  }
}
