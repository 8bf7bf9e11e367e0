/**
 * Base transport header: 12 bytes of every IBA packet (IBTA vol. 1 9.2).
 *
 * | offset | bits       | field                                                     |
 * |--------|------------|-----------------------------------------------------------|
 * | 0      | 8          | OpCode                                                    |
 * | 1      | 1, 1, 2, 4 | SolicitedEvent, MigReq, PadCount, TVer (0)                |
 * | 2      | 16         | P_Key as in the sender's table, membership bit included   |
 * | 4      | 8          | Resv8a                                                    |
 * | 5      | 24         | DestQP                                                    |
 * | 8      | 1, 7       | AckReq, reserved                                          |
 * | 9      | 24         | PSN                                                       |
 */

/** Bytes of the header. */
export const BTH_LENGTH = 12;

/** Operation codes that IPoIB uses, datagram and connected (IBTA vol. 1 9.2.1). */
export const Opcode = {
  RcSendFirst: 0x00,
  RcSendMiddle: 0x01,
  RcSendLast: 0x02,
  RcSendLastImmediate: 0x03,
  RcSendOnly: 0x04,
  RcSendOnlyImmediate: 0x05,
  RcAcknowledge: 0x11,
  UdSendOnly: 0x64,
  UdSendOnlyImmediate: 0x65,
} as const;

const LOW_24 = 0xffffff;
const SOLICITED = 0x80;
const MIG_REQ = 0x40;
const ACK_REQ = 0x80;

/** A re-pointable view of the header. */
export class Bth {
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

  get opcode(): number {
    return this.view.getUint8(this.base);
  }
  set opcode(opcode: number) {
    this.view.setUint8(this.base, opcode);
  }
  get solicited(): boolean {
    return (this.view.getUint8(this.base + 1) & SOLICITED) !== 0;
  }
  get migReq(): boolean {
    return (this.view.getUint8(this.base + 1) & MIG_REQ) !== 0;
  }
  /** 0 to 3 bytes between payload and ICRC. */
  get padCount(): number {
    return this.view.getUint8(this.base + 1) >> 4 & 3;
  }
  get transportVersion(): number {
    return this.view.getUint8(this.base + 1) & 0x0f;
  }
  /** Writes the second byte: TVer 0, MigReq as given (the migrated state of a queue pair that has no other path). */
  setFlags(solicited: boolean, padCount: number, migReq = true): void {
    this.view.setUint8(
      this.base + 1,
      (solicited ? SOLICITED : 0) | (migReq ? MIG_REQ : 0) |
        (padCount & 3) << 4,
    );
  }
  get pkey(): number {
    return this.view.getUint16(this.base + 2);
  }
  set pkey(pkey: number) {
    this.view.setUint16(this.base + 2, pkey);
  }
  get destQpn(): number {
    return this.view.getUint32(this.base + 4) & LOW_24;
  }
  /** Sets Resv8a to zero. */
  set destQpn(qpn: number) {
    this.view.setUint32(this.base + 4, qpn & LOW_24);
  }
  get ackRequest(): boolean {
    return (this.view.getUint8(this.base + 8) & ACK_REQ) !== 0;
  }
  get psn(): number {
    return this.view.getUint32(this.base + 8) & LOW_24;
  }
  /** Writes the third word. */
  setPsn(psn: number, ackRequest = false): void {
    this.view.setInt32(
      this.base + 8,
      (ackRequest ? ACK_REQ << 24 : 0) | psn & LOW_24,
    );
  }
}
