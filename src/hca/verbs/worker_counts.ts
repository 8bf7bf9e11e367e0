/**
 * What the libibumad worker (port_socket.ts) could not pass to the port (mad_channel.ts) while their socket was full, as
 * a message of its own: 16 bytes, three numbers and 4 bytes of zeros, all little-endian.
 */

/** Numbers since the last such message. */
export interface WorkerCounts {
  /** Results of sends (send_report.ts): of MADs that were sent, and of those that libibumad has refused. */
  sent: number;
  refused: number;
  /** Received MADs. */
  dropped: number;
}

const LENGTH = 16;

export function emitWorkerCounts(
  { sent, refused, dropped }: WorkerCounts,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(LENGTH));
  view.setUint32(0, sent, true);
  view.setUint32(4, refused, true);
  view.setUint32(8, dropped, true);
  return new Uint8Array(view.buffer);
}

/** Returns undefined if the length is wrong, as that of a received MAD or of the result of a send is. */
export function parseWorkerCounts(bytes: Uint8Array): WorkerCounts | undefined {
  if (bytes.length !== LENGTH) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH);
  return {
    sent: view.getUint32(0, true),
    refused: view.getUint32(4, true),
    dropped: view.getUint32(8, true),
  };
}
