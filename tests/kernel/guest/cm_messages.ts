/** The CM messages that the responder sends and reads (IBTA vol. 1 12.6). Offsets are from the start of the MAD. */

import {
  MAD_LENGTH,
  MadHeader,
  Method,
  MgmtClass,
} from "../../../src/wire/mad.ts";

/** Attribute IDs. */
export const Cm = {
  Req: 0x10,
  Rej: 0x12,
  Rep: 0x13,
  Rtu: 0x14,
  Dreq: 0x15,
  Drep: 0x16,
} as const;

/** Fields of a message by offset: 32-bit words, and bytes. */
export interface CmFields {
  readonly words: Readonly<Record<number, number>>;
  readonly bytes?: Readonly<Record<number, number>>;
  readonly data?: Readonly<Record<number, Uint8Array>>;
}

/** Emits a message. The offsets of the fields are from the end of the MAD header. */
export function cmMessage(
  attributeId: number,
  transactionId: bigint,
  { words, bytes = {}, data = {} }: CmFields,
): Uint8Array {
  const mad = new Uint8Array(MAD_LENGTH);
  MadHeader.emit({
    mgmtClass: MgmtClass.CommunicationManagement,
    ...{ classVersion: 2, method: Method.Send, status: 0, classSpecific: 0 },
    ...{ transactionId, attributeId, attributeModifier: 0 },
  }, mad);
  const view = new DataView(mad.buffer, 24);
  for (const [at, value] of Object.entries(words)) {
    view.setUint32(Number(at), value);
  }
  for (const [at, value] of Object.entries(bytes)) {
    view.setUint8(Number(at), value);
  }
  for (const [at, value] of Object.entries(data)) {
    mad.set(value, 24 + Number(at));
  }
  return mad;
}

/** A received message. */
export class CmMessage {
  readonly header: MadHeader;
  readonly #view: DataView;

  constructor(mad: Uint8Array) {
    this.header = MadHeader.parse(mad)!;
    this.#view = new DataView(mad.buffer, mad.byteOffset + 24);
  }

  word(at: number): number {
    return this.#view.getUint32(at);
  }

  /** The 24 bits at an offset. */
  number(at: number): number {
    return this.#view.getUint32(at) >>> 8;
  }
}
