/**
 * Netlink messages: a builder, and a parser that checks all lengths.
 *
 * A message consists of a header (16 bytes, host byte order: length u32, type u16, flags u16, sequence u32, port u32),
 * a fixed struct that depends on the type, and attributes. An attribute consists of length u16 (including this header
 * of 4 bytes), type u16 and value. Messages and attributes are padded to 4 bytes (netlink(7), rtnetlink(7)). Supported
 * hosts are little-endian. IP addresses are big-endian.
 */

import { IpAddress } from "../../wire/ip_address.ts";

export const HEADER_LENGTH = 16;
const ATTRIBUTE_HEADER = 4;
/** Masks off the top bits of an attribute type, the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const ATTRIBUTE_TYPE_MASK = 0x3fff;

const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;
export const NLM_F_DUMP = 0x300;
/** Flags of requests that create an object: change an existing one, refuse if it exists, create a missing one. */
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Rounds a length up to a multiple of 4. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** Builds a request of at most 1024 bytes. Each call appends a value. Throws a RangeError if it does not fit. */
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

  /** Appends an IPv4 address, given as a signed 32-bit integer. */
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

  /** Sets length and sequence number, and returns the message. */
  finish(sequence: number): Uint8Array<ArrayBuffer> {
    this.#view.setUint32(0, this.#length, true);
    this.#view.setUint32(8, sequence, true);
    return this.#bytes.subarray(0, this.#length);
  }
}

/** A received message. `body` is a view of the receive buffer. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** The netlink address of the socket that sent the request, in replies and in events caused by a request; else 0. */
  readonly port: number;
  readonly body: DataView;
}

/** Parses the messages of a datagram. Stops at a message with an invalid length. */
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
 * Returns the offset of the value of the first attribute of a type, in the attributes from `offset` to the end of
 * `body`, or -1 if there is none. Stops at an attribute with an invalid length. Unlike {@linkcode Attributes}, it
 * allocates nothing.
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

/** Returns the length in bytes of the value at an offset returned by {@linkcode findAttribute}. */
export function attributeLength(body: DataView, value: number): number {
  return body.getUint16(value - ATTRIBUTE_HEADER, true) - ATTRIBUTE_HEADER;
}

/** Parses the bytes of `value` from `offset` to its end as {@linkcode Attributes.address} does. */
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

/** The attributes of a message by type. If a type is repeated, the last attribute is used. */
export class Attributes {
  readonly #values = new Map<number, DataView>();

  /** Parses the attributes from `offset` to the end of `body`. Stops at an attribute with an invalid length. */
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

  /** Returns a copy that does not refer to the receive buffer. */
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

  /** Returns the 64-bit integer at `offset` of a value that is a struct. */
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

  /**
   * Returns an IP address of 4 or 16 bytes. Returns undefined for a v4-mapped IPv6 address, which would equal the IPv4
   * address.
   */
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
