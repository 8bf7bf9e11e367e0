/**
 * The result of a send, which the libibumad worker (umad_port.ts) reports to the port (mad_channel.ts) for each MAD
 * that it takes from their socket: 12 bytes, the low half of the MAD's TransactionID, an errno and the management
 * class, all little-endian.
 */

/** The result of one send. */
export interface SendReport {
  /** Low half of the TransactionID. */
  transactionId: number;
  /** Positive errno of `umad_send`; 0 if the MAD was sent. */
  errno: number;
  mgmtClass: number;
}

const LENGTH = 12;

export function emitSendReport(
  { transactionId, errno, mgmtClass }: SendReport,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(LENGTH));
  view.setUint32(0, transactionId, true);
  view.setUint32(4, errno, true);
  view.setUint32(8, mgmtClass, true);
  return new Uint8Array(view.buffer);
}

/** Returns undefined if the length is wrong, as that of a received MAD is. */
export function parseSendReport(bytes: Uint8Array): SendReport | undefined {
  if (bytes.length !== LENGTH) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH);
  return {
    transactionId: view.getUint32(0, true),
    errno: view.getUint32(4, true),
    mgmtClass: view.getUint32(8, true),
  };
}
