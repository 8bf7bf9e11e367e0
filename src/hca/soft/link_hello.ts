/**
 * The first messages on a port's socket (`port-<guid>.sock`, SOCK_SEQPACKET), with the descriptors they carry.
 *
 * A connection makes a link of one direction. The sender opens it and says who it is:
 * JSON {@linkcode LinkHello} with [slot memory, ring, doorbell eventfd]. The receiver
 * answers with JSON {@linkcode LinkAccept} and [doorbell eventfd], or hangs up. The sender need
 * not wait for the answer: the ring is its own, and accepting the connection wakes the receiver. After that the
 * connection carries nothing; its end is the end of the link.
 */

import * as v from "valibot";

export const LINK_VERSION = 3;
/** Descriptors in a hello and in its answer. */
export const HELLO_FDS = 3;
export const ACCEPT_FDS = 1;

const guid = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{16}$/));

export const LinkHelloSchema = v.object({
  version: v.literal(LINK_VERSION),
  guid,
  slots: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256)),
  stride: v.number(),
});
export type LinkHello = v.InferOutput<typeof LinkHelloSchema>;

export const LinkAcceptSchema = v.object({
  version: v.literal(LINK_VERSION),
  guid,
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
