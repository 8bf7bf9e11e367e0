/**
 * A frame that is being coalesced: its first packet, and the payloads of the packets that continue it.
 *
 * Nothing is copied. The headers of the frame are written over those of the first packet.
 */

import { GatheredFrame, MAX_PIECES } from "../../system/frames.ts";
import {
  ETHERNET_HEADER_LENGTH,
  FRAME_HEADER_LENGTH,
} from "../../wire/ethernet.ts";
import { MAX_IP_PACKET } from "../../wire/ipv4.ts";
import { VnetFlag, VnetHeader } from "../../wire/vnet.ts";
import { ReceivedSegment } from "./received_segment.ts";

export class HeldFrame {
  readonly first = new ReceivedSegment();
  /** The frame as it is written if it has several packets. */
  readonly gathered = new GatheredFrame();
  readonly #vnet = new VnetHeader();
  /** Bytes of the payload. */
  #payload = 0;
  /** The last packet, and the offset of its transport header. */
  #last: DataView = new DataView(new ArrayBuffer(0));
  #lastAt = 0;

  /** Number of packets. */
  get packets(): number {
    return this.gathered.packets;
  }

  /** Bytes of the IP packet. */
  get #length(): number {
    return this.first.length - this.first.payload + this.#payload;
  }

  /** Starts the frame with a packet. */
  start(segment: ReceivedSegment): void {
    const { first, gathered } = this;
    first.copy(segment);
    gathered.clear();
    gathered.add(first.address, 0, FRAME_HEADER_LENGTH + first.length);
    gathered.packets = 1;
    gathered.bytes = FRAME_HEADER_LENGTH + first.length;
    this.#payload = first.payload;
  }

  /** True if the frame with this packet is segmented into the same packets. */
  accepts(segment: ReceivedSegment): boolean {
    const { first, gathered } = this;
    const { network, transport, view, ip, at, header, payload } = segment;
    return payload > 0 && payload <= first.payload &&
      gathered.pieces < MAX_PIECES && this.#length + payload <= MAX_IP_PACKET &&
      network.continues(first.view, first.ip, view, ip, gathered.packets) &&
      transport.continues(
        first.view,
        first.at,
        view,
        at,
        header,
        header + payload,
        this.#payload,
      ) &&
      first.isCanonical && segment.isCanonical &&
      first.verify() && segment.verify();
  }

  /** Appends a packet that the frame accepts. Returns false if no other can follow. */
  append(segment: ReceivedSegment): boolean {
    const { first, gathered } = this;
    const { transport, view, at, header, payload, address } = segment;
    const skipped = at + header - segment.ip + FRAME_HEADER_LENGTH;
    gathered.add(address, skipped, payload);
    gathered.packets++;
    gathered.bytes += FRAME_HEADER_LENGTH + segment.length;
    this.#payload += payload;
    this.#last = view;
    this.#lastAt = at;
    return payload === first.payload && !transport.ends(view, at);
  }

  /** Writes the headers of a frame of several packets. */
  finish(): void {
    const { network, transport, view, ip, at, header, payload } = this.first;
    const length = header + this.#payload;
    network.setLength(view, ip, this.#length);
    transport.finish(view, at, this.#last, this.#lastAt, length);
    const { protocol, checksum } = transport;
    // The checksum field has the sum of the pseudo-header: the kernel completes it if it forwards the frame.
    view.setUint16(
      at + checksum,
      network.pseudoHeader(view, ip, protocol, length),
    );
    const vnet = this.#vnet.at(view, ip - FRAME_HEADER_LENGTH);
    const start = ETHERNET_HEADER_LENGTH + network.headerLength;
    vnet.flags = VnetFlag.NeedsChecksum;
    vnet.gsoType = transport.gsoType(network, view, at);
    vnet.headerLength = start + header;
    vnet.gsoSize = payload;
    vnet.checksumStart = start;
    vnet.checksumOffset = checksum;
  }

  /** Marks the only packet of a frame as verified, if it is. */
  finishSingle(): void {
    const { view, ip, verified } = this.first;
    if (!verified) return;
    this.#vnet.at(view, ip - FRAME_HEADER_LENGTH).flags = VnetFlag.DataValid;
  }
}
