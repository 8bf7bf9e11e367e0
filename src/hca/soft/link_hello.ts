/**
 * The first messages on a port's socket (`port-<guid>.sock`, SOCK_SEQPACKET), and the descriptors that they carry.
 *
 * A connection becomes a one-directional link, for the packets that one interface of the sending port sends in one
 * partition. The sender connects and proves its GUID with a JSON {@linkcode LinkHello}, which carries the descriptors
 * [slot memory, ring] and, if the sender has a doorbell, its eventfd. The receiver answers with a JSON {@linkcode
 * LinkAccept}, which carries its doorbell eventfd if it has one, or closes the connection. The sender need not wait for
 * the answer: it owns the ring, and the incoming connection wakes the receiver. Afterwards the connection carries only
 * wake-up bytes (link_bell.ts), and closing it ends the link.
 */

import * as v from "valibot";

/** Version of the messages and of the shared memory; a hello of another version is refused. */
export const LINK_VERSION = 5;
/** Number of descriptors in a hello without a doorbell. */
export const HELLO_FDS = 2;

const guid = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{16}$/));

/** The sender's first message. */
export const LinkHelloSchema = v.object({
  version: v.literal(LINK_VERSION),
  guid,
  /** Token issued by the manager to the port with that GUID for links to this port (subnet/link_token.ts). */
  token: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  /** P_Key that the packets carry, an entry of the sender's P_Key table. */
  pkey: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff)),
  /** Number of the send memory, unique within the sending port. A new link from a memory replaces its old one. */
  pool: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff)),
  slots: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256)),
  /** Bytes from one slot to the next. */
  stride: v.number(),
});
export type LinkHello = v.InferOutput<typeof LinkHelloSchema>;

/** The receiver's answer. */
export const LinkAcceptSchema = v.object({
  version: v.literal(LINK_VERSION),
});
export type LinkAccept = v.InferOutput<typeof LinkAcceptSchema>;

const encoder = new TextEncoder();

/** Encodes a message as JSON in UTF-8. */
export function encodeLinkMessage(
  message: LinkHello | LinkAccept,
): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(message));
}

/** Decodes the message in `bytes`; undefined if it is not JSON or does not match the schema. */
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
