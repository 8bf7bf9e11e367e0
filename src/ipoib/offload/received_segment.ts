/** A received TCP or UDP packet that may be part of a coalesced frame. Objects are reused. */

import type { RxBatch } from "../../hca/rx_batch.ts";
import { fold, internetChecksum } from "../../wire/checksum.ts";
import type { NetworkRules, TransportRules } from "./coalescing_rules.ts";
import { ipv4Rules } from "./ipv4_rules.ts";
import { tcpRules } from "./tcp_rules.ts";

export class ReceivedSegment {
  network: NetworkRules = ipv4Rules;
  transport: TransportRules = tcpRules;
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Offsets of the IP header and of the transport header. */
  ip = 0;
  at = 0;
  /** Bytes of the packet, of its transport header, and of its payload. */
  length = 0;
  header = 0;
  payload = 0;
  /** Address of the frame header, FRAME_HEADER_LENGTH bytes before the packet. */
  address = 0n;
  /** True if the checksums are known to be correct. */
  verified = false;
  /** Sums words in `view`, faster than checksum.ts. */
  sum: RxBatch["sum"] = undefined;

  copy(from: ReceivedSegment): void {
    this.network = from.network;
    this.transport = from.transport;
    this.view = from.view;
    this.ip = from.ip;
    this.at = from.at;
    this.length = from.length;
    this.header = from.header;
    this.payload = from.payload;
    this.address = from.address;
    this.verified = from.verified;
    this.sum = from.sum;
  }

  /** True if both packets have the same addresses, protocol and ports. */
  isOfFlow(other: ReceivedSegment): boolean {
    return this.transport === other.transport &&
      this.view.getInt32(this.at) === other.view.getInt32(other.at) &&
      this.isBetween(other.network, other.view, other.ip);
  }

  /** True if the packet has the addresses of the packet at `ip`. */
  isBetween(network: NetworkRules, view: DataView, ip: number): boolean {
    if (this.network !== network) return false;
    const { addresses, addressWords } = network;
    const own = this.ip + addresses;
    const other = ip + addresses;
    for (let word = 0; word < addressWords; word++) {
      const at = 4 * word;
      if (this.view.getInt32(own + at) !== view.getInt32(other + at)) {
        return false;
      }
    }
    return true;
  }

  /** True if segmentation can restore the checksums. */
  get isCanonical(): boolean {
    const { network, transport, view } = this;
    return network.isCanonical(view, this.ip) &&
      transport.isCanonical(view, this.at);
  }

  /** Verifies the checksums unless they are known to be correct. */
  verify(): boolean {
    if (!this.verified) this.verified = this.#isValid();
    return this.verified;
  }

  #isValid(): boolean {
    const { network, transport, view, ip } = this;
    if (!network.isValid(view, ip)) return false;
    const length = this.header + this.payload;
    const { protocol } = transport;
    const pseudoHeader = network.pseudoHeader(view, ip, protocol, length);
    return this.sum === undefined
      ? internetChecksum(view, this.at, length, pseudoHeader) === 0
      : fold(this.sum(this.at, length) + pseudoHeader) === 0xffff;
  }
}
