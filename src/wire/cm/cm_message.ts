/** A CM message of any kind with its TransactionID, parsed from a MAD and emitted as one. */

import { CmAttribute, CmMad } from "./cm_mad.ts";
import { CommIds } from "./comm_ids.ts";
import { Dreq } from "./dreq.ts";
import { Mra } from "./mra.ts";
import { Rej } from "./rej.ts";
import { Rep } from "./rep.ts";
import { Req } from "./req.ts";

/** The kinds of messages: attribute and format. */
const FORMATS = {
  req: { attributeId: CmAttribute.Req, ...Req },
  mra: { attributeId: CmAttribute.Mra, ...Mra },
  rej: { attributeId: CmAttribute.Rej, ...Rej },
  rep: { attributeId: CmAttribute.Rep, ...Rep },
  rtu: { attributeId: CmAttribute.Rtu, ...CommIds },
  dreq: { attributeId: CmAttribute.Dreq, ...Dreq },
  drep: { attributeId: CmAttribute.Drep, ...CommIds },
} as const;

interface Bodies {
  req: Req;
  mra: Mra;
  rej: Rej;
  rep: Rep;
  rtu: CommIds;
  dreq: Dreq;
  drep: CommIds;
}

export type CmKind = keyof Bodies;

/** A message with its TransactionID, 64 bits. */
export type CmMessage = {
  [Kind in CmKind]: { kind: Kind; transactionId: bigint; body: Bodies[Kind] };
}[CmKind];

/** A message with an attribute that is not in {@linkcode CmAttribute}. */
export interface UnknownCmMessage {
  kind: "unknown";
  transactionId: bigint;
  attributeId: number;
}

const KINDS = new Map<number, CmKind>(
  (Object.keys(FORMATS) as CmKind[]).map((
    kind,
  ) => [FORMATS[kind].attributeId, kind]),
);

export const CmMessage = {
  /** Parses a MAD. Returns undefined for a MAD that {@linkcode CmMad.parse} refuses. */
  parse(mad: Uint8Array): CmMessage | UnknownCmMessage | undefined {
    const header = CmMad.parse(mad);
    if (header === undefined) return undefined;
    const { transactionId, attributeId, message } = header;
    const kind = KINDS.get(attributeId);
    if (kind === undefined) {
      return { kind: "unknown", transactionId, attributeId };
    }
    const body = FORMATS[kind].parse(message)!;
    return { kind, transactionId, body } as CmMessage;
  },

  /** Returns the 256 bytes of the MAD. Throws RangeError if a byte field is too long. */
  emit({ kind, transactionId, body }: CmMessage): Uint8Array {
    const { attributeId, emit } = FORMATS[kind];
    return CmMad.emit({
      transactionId,
      attributeId,
      message: (emit as (body: Bodies[CmKind]) => Uint8Array)(body),
    });
  },
};
