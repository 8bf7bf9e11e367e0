/**
 * The first messages on a port's socket (`port-<guid>.sock`, SOCK_SEQPACKET), with the descriptors they carry.
 *
 * A connection makes a link of one direction, for the packets that one interface of the sending port sends in one partition. The sender
 * opens it and proves its GUID: JSON {@linkcode LinkHello} with [slot memory, ring] and, if it has one, its doorbell eventfd.
 * The receiver answers with JSON {@linkcode LinkAccept} and its doorbell eventfd, if it has one, or hangs up. The sender need
 * not wait for the answer: the ring is its own, and accepting the connection wakes the receiver. After that the
 * connection carries bytes that wake the other end (link_bell.ts); its end is the end of the link.
 */

import * as v from "valibot";

export const LINK_VERSION = 4;
/** Descriptors in a hello without a doorbell. */
export const HELLO_FDS = 2;

const guid = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{16}$/));

export const LinkHelloSchema = v.object({
  version: v.literal(LINK_VERSION),
  guid,
  /** What the manager gave to the port with that GUID for links to this one (subnet/link_token.ts). */
  token: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  /** The entry of its P_Key table that the packets carry. */
  pkey: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff)),
  /** Number of the memory, of those that the port sends from: a second link from it takes the place of the first. */
  pool: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff)),
  slots: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256)),
  stride: v.number(),
});
export type LinkHello = v.InferOutput<typeof LinkHelloSchema>;

export const LinkAcceptSchema = v.object({
  version: v.literal(LINK_VERSION),
});
export type LinkAccept = v.InferOutput<typeof LinkAcceptSchema>;

const encoder = new TextEncoder();

export function encodeLinkMessage(
  message: LinkHello | LinkAccept,
): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(message));
}

/** The message in `bytes`, or undefined if it is not one of that schema. */
export function decodeLinkMessage<T>(
  bytes: Uint8Array,
  schema: v.GenericSchema<unknown, T>,
): T | undefined {
  try {
    const parsed = v.safeParse(
      schema,
      JSON.parse(new TextDecoder().decode(bytes)),
    );
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
