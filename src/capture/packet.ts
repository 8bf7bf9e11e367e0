/**
 * A record taken from the ring, copied to memory in which checksums can be computed, and the packets that it stands for.
 *
 * A large send stands for the packets into which it is cut at the fabric edge. At the host edge it is one frame, as the
 * kernel has written it. A partial checksum is completed.
 */

import { completeChecksum } from "../wire/partial_checksum.ts";
import { EtherType } from "../wire/encap.ts";
import { EthernetField } from "../wire/ethernet.ts";
import { MAX_IP_PACKET } from "../wire/ipv4.ts";
import { MAX_LARGE_SEND_HEADERS } from "../wire/large_send.ts";
import { Segmenter } from "../wire/segmenter.ts";
import { SummedMemory } from "../wire/summed_memory.ts";
import { GsoType, VnetField } from "../wire/vnet.ts";
import {
  BodyField,
  RECORD_HEADER_LENGTH,
  RecordFlag,
  RecordKind,
  RecordWord,
} from "./record.ts";
import type { RingReader } from "./ring.ts";

/** Offset of the packet in the memory. The headers are before it, and those of segments behind it. */
const PACKET = 128;
const BODY = PACKET - BodyField.Packet;
/** Offset of the headers of a segment. */
const SEGMENT = PACKET + MAX_IP_PACKET + 1;
const SIZE = SEGMENT + MAX_LARGE_SEND_HEADERS;

/** A record, in memory that is reused for each record. */
export class Packet {
  /** The memory, with the parts at the offsets below. */
  readonly memory = new SummedMemory(SIZE);
  readonly body = BODY;
  readonly packet = PACKET;
  kind: RecordKind = RecordKind.Packet;
  sent = false;
  seconds = 0;
  nanoseconds = 0;
  /** Index of the drop reason, or -1. */
  reason = -1;
  /** Bytes at {@linkcode packet}. */
  length = 0;
  qpn = 0;
  readonly #segmenter = new Segmenter(this.memory);

  /** Loads the record at offset `at` of the ring. Returns false if it is invalid. */
  load({ words, bytes }: RingReader, at: number): boolean {
    const word = at >> 2;
    const kind = words[word + RecordWord.Kind]!;
    const length = words[word + RecordWord.PacketLength]!;
    const body = at + RECORD_HEADER_LENGTH;
    const end = body + BodyField.Packet + length;
    if (
      kind < RecordKind.Packet || kind > RecordKind.Frame || length < 0 ||
      length > MAX_IP_PACKET || end > at + words[word]!
    ) return false;
    this.kind = kind as RecordKind;
    this.sent = (words[word + RecordWord.Flags]! & RecordFlag.Sent) !== 0;
    this.seconds = words[word + RecordWord.Seconds]! >>> 0;
    this.nanoseconds = words[word + RecordWord.Nanoseconds]!;
    this.reason = words[word + RecordWord.Reason]!;
    this.length = length;
    this.qpn = words[word + RecordWord.Qpn]!;
    this.memory.bytes.set(bytes.subarray(body, end), BODY);
    return true;
  }

  /** The EtherType of the packet; 0 for a MAD. */
  get etherType(): number {
    const { view } = this.memory;
    switch (this.kind) {
      case RecordKind.Mad:
        return 0;
      case RecordKind.Frame:
        return view.getUint16(BODY + BodyField.Ethernet + EthernetField.Type);
      default:
        return view.getUint16(BODY + BodyField.Encap);
    }
  }

  get isIp(): boolean {
    const type = this.etherType;
    return type === EtherType.Ipv4 || type === EtherType.Ipv6;
  }

  /**
   * Calls `use` with each packet that the record stands for: the offset and the length in bytes of its headers, which
   * are the whole packet if it is not cut, and of the payload behind them.
   */
  forEach(
    use: (
      headers: number,
      headersLength: number,
      payload: number,
      payloadLength: number,
    ) => void,
  ): void {
    const vnet = BODY + BodyField.Vnet;
    const segmenter = this.#segmenter;
    const { length, kind } = this;
    const cut = kind === RecordKind.Packet &&
      this.memory.view.getUint8(vnet + VnetField.GsoType) !== GsoType.None &&
      segmenter.begin(vnet, PACKET, length);
    if (cut) {
      while (segmenter.left > 0) {
        const { payload, headers } = segmenter;
        const payloadLength = segmenter.next(SEGMENT);
        use(SEGMENT, headers, payload, payloadLength);
      }
      return;
    }
    if (kind !== RecordKind.Mad) {
      completeChecksum(this.memory, vnet, PACKET, length);
    }
    use(PACKET, length, PACKET + length, 0);
  }
}
