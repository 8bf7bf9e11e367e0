import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { createHmac } from "node:crypto";
import {
  isLinkToken,
  linkToken,
  newLinkSecret,
} from "../../src/subnet/link_token.ts";

Deno.test("a link token is the first half of HMAC-SHA256, for secrets of every length", () => {
  // RFC 4231, test case 2.
  assertEquals(
    linkToken("Jefe", "what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c7",
  );
  fc.assert(fc.property(
    fc.string({ maxLength: 200 }),
    fc.string(),
    (secret, from) => {
      const whole = createHmac("sha256", secret).update(from).digest("hex");
      assertEquals(linkToken(secret, from), whole.slice(0, 32));
    },
  ));
});

Deno.test("a link token is accepted only with its secret and its GUID", () => {
  const [secret, other] = [newLinkSecret(), newLinkSecret()];
  const token = linkToken(secret, "0x0002c90300000001");
  assert(isLinkToken(token, secret, "0x0002c90300000001"));
  assert(!isLinkToken(token, secret, "0x0002c90300000002"));
  assert(!isLinkToken(token, other, "0x0002c90300000001"));
  assert(!isLinkToken(token.slice(1), secret, "0x0002c90300000001"));
});
