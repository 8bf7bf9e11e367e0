/**
 * Netlink messages: a builder, and a parser that believes no length.
 *
 * Message: length u32, type u16, flags u16, sequence u32, port u32 (16 bytes, host byte order), a body that
 * begins with the family's fixed header, then attributes. Attribute: length u16 (its own 4 bytes
 * included), type u16, value. Both are padded to 4 bytes (netlink(7), rtnetlink(7)).
 * The hosts that this runs on are little-endian; IPv4 addresses are big-endian everywhere.
 */

import { IpAddress } from "../../wire/ip_address.ts";

export const HEADER_LENGTH = 16;
const ATTRIBUTE_HEADER = 4;
/** The two top bits of an attribute's type say "nested" and "network byte order". */
const ATTRIBUTE_TYPE_MASK = 0x3fff;

const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A length with its padding. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** Builds one message; the values follow each other in the order of the calls. */
export class MessageBuilder {
  readonly #bytes = new Uint8Array(1024);
  readonly #view = new DataView(this.#bytes.buffer);
  #length = HEADER_LENGTH;

  constructor(type: number, flags = 0) {
    this.#view.setUint16(4, type, true);
    this.#view.setUint16(6, NLM_F_REQUEST | flags, true);
  }

  #take(length: number): number {
    const at = this.#length;
    if (at + length > this.#bytes.length) {
      throw new RangeError("Cannot build a netlink message over 1024 bytes");
    }
    this.#length = at + length;
    return at;
  }

  u8(value: number): this {
    this.#view.setUint8(this.#take(1), value);
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#take(2), value, true);
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#take(4), value, true);
    return this;
  }

  attribute(type: number, value: Uint8Array): this {
    const at = this.#take(align(ATTRIBUTE_HEADER + value.length));
    this.#view.setUint16(at, ATTRIBUTE_HEADER + value.length, true);
    this.#view.setUint16(at + 2, type, true);
    this.#bytes.set(value, at + ATTRIBUTE_HEADER);
    return this;
  }

  attributeU32(type: number, value: number): this {
    const at = this.#take(8);
    this.#view.setUint16(at, 8, true);
    this.#view.setUint16(at + 2, type, true);
    this.#view.setUint32(at + 4, value, true);
    return this;
  }

  /** An IPv4 address, as a signed 32-bit integer of its big-endian bytes. */
  attributeIpv4(type: number, address: number): this {
    const at = this.#take(8);
    this.#view.setUint16(at, 8, true);
    this.#view.setUint16(at + 2, type, true);
    this.#view.setInt32(at + 4, address, false);
    return this;
  }

  attributeString(type: number, text: string): this {
    return this.attribute(type, encoder.encode(`${text}\0`));
  }

  /** The message with its length and sequence number filled in. */
  finish(sequence: number): Uint8Array<ArrayBuffer> {
    this.#view.setUint32(0, this.#length, true);
    this.#view.setUint32(8, sequence, true);
    return this.#bytes.subarray(0, this.#length);
  }
}

/** One received message; `body` is a view of the receive buffer. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Of an answer, and of an event that a request caused: the address of the socket that asked; else 0. */
  readonly port: number;
  readonly body: DataView;
}

/** The messages of one datagram, up to the first whose length cannot be right. */
export function* parseMessages(
  datagram: Uint8Array,
): Generator<NetlinkMessage, void> {
  const view = new DataView(
    datagram.buffer,
    datagram.byteOffset,
    datagram.byteLength,
  );
  let at = 0;
  while (view.byteLength - at >= HEADER_LENGTH) {
    const length = view.getUint32(at, true);
    if (length < HEADER_LENGTH || length > view.byteLength - at) return;
    yield {
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      port: view.getUint32(at + 12, true),
      body: new DataView(
        view.buffer,
        view.byteOffset + at + HEADER_LENGTH,
        length - HEADER_LENGTH,
      ),
    };
    at += align(length);
  }
}

/**
 * Where the first attribute of a type has its value, in attributes from `offset` to the end of `body`; -1 if there is none
 * before a length that cannot be right. Nothing is allocated, unlike with {@linkcode Attributes}.
 */
export function findAttribute(
  body: DataView,
  offset: number,
  type: number,
): number {
  const end = body.byteLength;
  let at = offset;
  while (end - at >= ATTRIBUTE_HEADER) {
    const length = body.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER || length > end - at) return -1;
    if ((body.getUint16(at + 2, true) & ATTRIBUTE_TYPE_MASK) === type) {
      return at + ATTRIBUTE_HEADER;
    }
    at += align(length);
  }
  return -1;
}

/** Bytes of the value that {@linkcode findAttribute} found. */
export function attributeLength(body: DataView, value: number): number {
  return body.getUint16(value - ATTRIBUTE_HEADER, true) - ATTRIBUTE_HEADER;
}

/** The address in the bytes of `value` from `offset` on; as {@linkcode Attributes.address}. */
export function parseIpAddress(
  value: DataView,
  offset: number,
): IpAddress | undefined {
  const length = value.byteLength - offset;
  if (length !== 4 && length !== 16) return undefined;
  const address = IpAddress.of(
    new Uint8Array(value.buffer, value.byteOffset + offset, length),
  );
  return address.isIpv4 === (length === 4) ? address : undefined;
}

/** The attributes of a message by type; of a repeated type the last counts. */
export class Attributes {
  readonly #values = new Map<number, DataView>();

  /** Reads attributes from `offset` to the end of `body`, up to the first whose length cannot be right. */
  constructor(body: DataView, offset: number) {
    let at = offset;
    while (body.byteLength - at >= ATTRIBUTE_HEADER) {
      const length = body.getUint16(at, true);
      if (length < ATTRIBUTE_HEADER || length > body.byteLength - at) return;
      this.#values.set(
        body.getUint16(at + 2, true) & ATTRIBUTE_TYPE_MASK,
        new DataView(
          body.buffer,
          body.byteOffset + at + ATTRIBUTE_HEADER,
          length - ATTRIBUTE_HEADER,
        ),
      );
      at += align(length);
    }
  }

  get(type: number): DataView | undefined {
    return this.#values.get(type);
  }

  /** The same attributes in memory of their own. */
  copy(): Attributes {
    const copy = new Attributes(new DataView(new ArrayBuffer(0)), 0);
    for (const [type, value] of this.#values) {
      const start = value.byteOffset;
      const bytes = value.buffer.slice(start, start + value.byteLength);
      copy.#values.set(type, new DataView(bytes));
    }
    return copy;
  }

  u8(type: number): number | undefined {
    const value = this.#values.get(type);
    return value && value.byteLength >= 1 ? value.getUint8(0) : undefined;
  }

  u32(type: number): number | undefined {
    const value = this.#values.get(type);
    return value && value.byteLength >= 4
      ? value.getUint32(0, true)
      : undefined;
  }

  /** Eight bytes from `offset` of a value that is a struct. */
  u64(type: number, offset: number): bigint | undefined {
    const value = this.#values.get(type);
    return value && value.byteLength >= offset + 8
      ? value.getBigUint64(offset, true)
      : undefined;
  }

  ipv4(type: number): number | undefined {
    const value = this.#values.get(type);
    return value && value.byteLength === 4
      ? value.getInt32(0, false)
      : undefined;
  }

  /** An address of 4 or 16 bytes; undefined for a v4-mapped one in 16, which would pass for the IPv4 one. */
  address(type: number): IpAddress | undefined {
    const value = this.#values.get(type);
    return value && parseIpAddress(value, 0);
  }

  string(type: number): string | undefined {
    const value = this.#values.get(type);
    if (!value) return undefined;
    const bytes = new Uint8Array(
      value.buffer,
      value.byteOffset,
      value.byteLength,
    );
    const end = bytes.indexOf(0);
    return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  nested(type: number): Attributes | undefined {
    const value = this.#values.get(type);
    return value && new Attributes(value, 0);
  }
}
