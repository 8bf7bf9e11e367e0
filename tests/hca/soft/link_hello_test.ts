import { assertEquals } from "@std/assert";
import {
  decodeLinkMessage,
  encodeLinkMessage,
  LINK_VERSION,
  LinkAcceptSchema,
  type LinkHello,
  LinkHelloSchema,
} from "../../../src/hca/soft/link_hello.ts";

const hello: LinkHello = {
  version: LINK_VERSION,
  guid: "0x0002c90300000001",
  token: "00112233445566778899aabbccddeeff",
  pkey: 0x8001,
  pool: 3,
  slots: 256,
  stride: 69632,
};
const text = (value: unknown) =>
  new TextEncoder().encode(JSON.stringify(value));

Deno.test("a hello and its answer survive encoding and decoding", () => {
  assertEquals(
    decodeLinkMessage(encodeLinkMessage(hello), LinkHelloSchema),
    hello,
  );
  const { version } = hello;
  assertEquals(
    decodeLinkMessage(encodeLinkMessage({ version }), LinkAcceptSchema),
    { version },
  );
});

const wrong: Record<string, Uint8Array> = {
  "another version": text({ ...hello, version: LINK_VERSION + 1 }),
  "a GUID without 0x": text({ ...hello, guid: "0002c90300000001" }),
  "a path for a GUID": text({ ...hello, guid: "../../etc/passwd" }),
  "a short token": text({ ...hello, token: "00" }),
  "P_Key 0": text({ ...hello, pkey: 0 }),
  "no memory number": text({ ...hello, pool: undefined }),
  "no slots": text({ ...hello, slots: 0 }),
  "too many slots": text({ ...hello, slots: 257 }),
  "half a slot": text({ ...hello, slots: 1.5 }),
  "a stride of type string": text({ ...hello, stride: "69632" }),
  "an array instead of an object": text([1, 2]),
  "malformed JSON": new Uint8Array([0x7b, 0xff]),
  "no bytes": new Uint8Array(0),
};
for (const [what, bytes] of Object.entries(wrong)) {
  Deno.test(`a hello with ${what} is rejected`, () => {
    assertEquals(decodeLinkMessage(bytes, LinkHelloSchema), undefined);
  });
}
