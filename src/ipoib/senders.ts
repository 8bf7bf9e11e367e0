/**
 * The peers from which an interface receives, by the addresses in the headers of their packets.
 *
 * A packet on the UD queue pair has the LID and the QPN of its sender. The path bits of the LID (IBTA vol. 1 4.1.3) are
 * ignored: packets to groups have none, and those of different paths may have different ones. On RoCE, where there are
 * no LIDs, the low 32 bits of the source GID take the place of the LID: in a GID of an IPv4 address they are the address.
 * A packet of a connection has neither; the queue pair that received it identifies the connection.
 */

import type { PortAttributes } from "../hca/port_attributes.ts";
import { type RxBatch, RxFlag } from "../hca/rx_batch.ts";
import type { UdQp } from "../hca/ud_qp.ts";
import { GID_LENGTH } from "../wire/gid.ts";
import { AddressTable, type AddressWords } from "./address_table.ts";
import { newTraffic, type Traffic } from "./traffic.ts";

/** First word of a key. */
const Kind = { Datagram: 0, Connection: 1 } as const;

/** The port, whose LMC is that of the subnet. */
interface SenderPort {
  readonly attributes: Pick<PortAttributes, "lmc">;
}

export class Senders {
  /** Traffic of all other senders: those to which the interface has no path. */
  readonly others = newTraffic();
  readonly #table = new AddressTable<Traffic>();
  readonly #gid = new Uint8Array(GID_LENGTH);
  readonly #port: SenderPort;
  /** Number of path bits. Read with each new key, because a change of the LMC ends the link, and with it all keys. */
  #lmc = 0;

  constructor(port: SenderPort) {
    this.#port = port;
  }

  /** Returns the traffic of the sender of packet `i`. For the data path. */
  of(qp: UdQp, batch: RxBatch, i: number): Traffic {
    const qpn = batch.sourceQpn[i]!;
    const found = (batch.flags[i]! & RxFlag.Connected) !== 0
      ? this.#table.find(Kind.Connection, 0, 0, qpn)
      : this.#table.find(
        Kind.Datagram,
        0,
        batch.sourceLid[i]! >> this.#lmc || this.#gidWord(qp, batch, i),
        qpn,
      );
    return found ?? this.others;
  }

  /** Returns the key of a sender of datagrams. `lid` is 0 on RoCE. */
  datagramKey(lid: number, gid: Uint8Array, qpn: number): AddressWords {
    this.#lmc = this.#port.attributes.lmc;
    const w2 = lid >> this.#lmc || lowWord(gid);
    return { w0: Kind.Datagram, w1: 0, w2, w3: qpn };
  }

  /** Counts the packets with this key in `traffic`. */
  set(key: AddressWords, traffic: Traffic): void {
    this.#table.set(key, traffic);
  }

  /** Counts the packets with this key in {@linkcode others}, if they are counted in `traffic`. */
  delete(key: AddressWords, traffic: Traffic): void {
    if (this.#table.get(key) === traffic) this.#table.delete(key);
  }

  #gidWord(qp: UdQp, batch: RxBatch, i: number): number {
    return qp.sourceGid(batch, i, this.#gid) ? lowWord(this.#gid) : 0;
  }
}

/** Returns the key of a connection, which the local queue pair `qpn` receives. */
export function connectionKey(qpn: number): AddressWords {
  return { w0: Kind.Connection, w1: 0, w2: 0, w3: qpn };
}

function lowWord(gid: Uint8Array): number {
  return gid[12]! << 24 | gid[13]! << 16 | gid[14]! << 8 | gid[15]!;
}
