/**
 * Tokens of links: what a port shows to another one to prove its GUID.
 *
 * Each port chooses a secret and gives it to the subnet manager alone. The token of port A for links to port B is the first half of
 * HMAC-SHA256 over A's GUID with B's secret: the manager gives it to A with B's entry of the forwarding tables, B computes it.
 * A token is of use to no other port and towards no other port. It stays the same under the next manager.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const SECRET_BYTES = 32;
/** Hexadecimal digits of a token: 128 bits. */
const TOKEN_DIGITS = 32;

/** A new secret: 64 hexadecimal digits. */
export function newLinkSecret(): string {
  return randomBytes(SECRET_BYTES).toString("hex");
}

/** The token of the port with the GUID `from` for links to the port that has this secret: 32 hexadecimal digits. */
export function linkToken(secret: string, from: string): string {
  return createHmac("sha256", secret).update(from).digest("hex")
    .slice(0, TOKEN_DIGITS);
}

/** True if `token` is that of the port with the GUID `from`. */
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
