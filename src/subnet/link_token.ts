/**
 * Link tokens: a port proves its GUID to another port with a token.
 *
 * Each port generates a secret and sends it to the subnet manager only. The token of port A for links to port B is the
 * first half of HMAC-SHA256 over A's GUID with B's secret. The manager sends it to A with B's entry of the forwarding
 * tables; B computes it. No other port can use the token, and A can use it only for links to B. A new manager issues
 * the same tokens.
 */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const SECRET_BYTES = 32;
/** Block length of SHA-256. */
const BLOCK_BYTES = 64;
/** Hexadecimal digits of a token: 128 bits. */
const TOKEN_DIGITS = 32;

/** Returns a new secret: 64 hexadecimal digits. */
export function newLinkSecret(): string {
  return randomBytes(SECRET_BYTES).toString("hex");
}

/** Returns the token of the port with the GUID `from` for links to the port with this secret: 32 hexadecimal digits. */
export function linkToken(secret: string, from: string): string {
  return hmac(secret, from).slice(0, TOKEN_DIGITS);
}

/**
 * Returns HMAC-SHA256 (RFC 2104) as 64 hexadecimal digits. `createHmac()` of Deno 2.4, with which the program may be
 * compiled, prints a warning of deprecation.
 */
function hmac(key: string, message: string): string {
  const given = encoder.encode(key);
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(
    given.length > BLOCK_BYTES
      ? createHash("sha256").update(given).digest()
      : given,
  );
  const keyed = (pad: number) =>
    createHash("sha256").update(block.map((byte) => byte ^ pad));
  return keyed(0x5c).update(keyed(0x36).update(message).digest()).digest("hex");
}

/** True if `token` is the token of the port with the GUID `from` for links to the port with this secret. */
export function isLinkToken(
  token: string,
  secret: string,
  from: string,
): boolean {
  const expected = linkToken(secret, from);
  return token.length === expected.length &&
    timingSafeEqual(encoder.encode(token), encoder.encode(expected));
}

const encoder = new TextEncoder();
