/**
 * Private data of REQ and REP in IPoIB connected mode, 8 bytes (RFC 4755 section 6, Linux `struct ipoib_cm_data`).
 *
 * | offset | bits  | field                                                        |
 * |--------|-------|--------------------------------------------------------------|
 * | 0      | 8, 24 | reserved, QPN of the sender's UD queue pair                  |
 * | 4      | 32    | receive MTU of the sender, with the IPoIB header             |
 */

/** What an interface tells the other end of a connection. */
export interface ConnectionData {
  /** QPN of the UD queue pair. */
  readonly qpn: number;
  /** Length in bytes of the longest message that the sender receives, with the 4 bytes of the IPoIB header. */
  readonly mtu: number;
}

const LENGTH = 8;

export const ConnectionData = {
  LENGTH,

  /** Parses the start of the private data. Ignores the reserved byte. Returns undefined if there are fewer bytes. */
  parse(data: Uint8Array): ConnectionData | undefined {
    if (data.length < LENGTH) return undefined;
    const view = new DataView(data.buffer, data.byteOffset, LENGTH);
    return { qpn: view.getUint32(0) & 0xffffff, mtu: view.getUint32(4) };
  },

  /** Returns the 8 bytes. */
  emit({ qpn, mtu }: ConnectionData): Uint8Array {
    const data = new Uint8Array(LENGTH);
    const view = new DataView(data.buffer);
    view.setUint32(0, qpn & 0xffffff);
    view.setUint32(4, mtu);
    return data;
  },
};
