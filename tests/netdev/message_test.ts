import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Attributes,
  MessageBuilder,
  parseMessages,
} from "../../src/netdev/rtnetlink/message.ts";
import { parseAddress } from "../../src/netdev/rtnetlink/address.ts";
import { parseLink } from "../../src/netdev/rtnetlink/link_message.ts";
import { parseMembership } from "../../src/netdev/rtnetlink/multicast.ts";
import { parseRouteAnswer } from "../../src/netdev/rtnetlink/route_answer.ts";
import { address, ip } from "./support.ts";

/** An RTM_NEWADDR message of 10.0.0.1/24 on interface 3 with a label. */
const NEW_ADDRESS = new Uint8Array([
  ...[0x30, 0, 0, 0, 20, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0],
  ...[2, 24, 0x80, 0, 3, 0, 0, 0],
  ...[8, 0, 1, 0, 10, 0, 0, 1],
  ...[8, 0, 2, 0, 10, 0, 0, 1],
  ...[7, 0, 3, 0, 0x69, 0x62, 0, 0],
]);

function built(): MessageBuilder {
  return new MessageBuilder(20)
    .u8(2).u8(24).u8(0x80).u8(0).u32(3)
    .attributeIpv4(1, ip("10.0.0.1"))
    .attributeIpv4(2, ip("10.0.0.1"))
    .attributeString(3, "ib");
}

Deno.test("MessageBuilder writes the golden bytes", () => {
  assertEquals([...built().finish(9)], [...NEW_ADDRESS]);
});

Deno.test("MessageBuilder throws for a message of more than 1024 bytes", () => {
  assertThrows(
    () => new MessageBuilder(1).attribute(1, new Uint8Array(1100)),
    RangeError,
  );
});

Deno.test("parseAddress() parses the golden bytes", () => {
  const [message] = [...parseMessages(NEW_ADDRESS)];
  assertEquals(parseAddress(message!), {
    ifindex: 3,
    key: `${ip("10.0.0.1")}/24/${ip("10.0.0.1")}`,
    address: {
      address: address("10.0.0.1"),
      prefixLength: 24,
      broadcast: address("10.0.0.255"),
      scope: 0,
      secondary: false,
    },
    usable: true,
  });
});

Deno.test("parseMessages() stops at an invalid length", () => {
  const two = new Uint8Array([...NEW_ADDRESS, ...NEW_ADDRESS]);
  assertEquals([...parseMessages(two)].length, 2);
  assertEquals([...parseMessages(two.subarray(0, two.length - 1))].length, 1);
  two[0x30] = 15;
  assertEquals([...parseMessages(two)].length, 1);
  assertEquals([...parseMessages(new Uint8Array(15))], []);
});

Deno.test("Attributes stops at an invalid length", () => {
  const view = (...bytes: number[]) =>
    new DataView(new Uint8Array(bytes).buffer);
  const good = new Attributes(
    view(5, 0, 1, 0x80, 7, 0, 0, 0, 8, 0, 2, 0, 1, 2, 3, 4),
    0,
  );
  assertEquals(good.u8(1), 7);
  assertEquals(good.u32(1), undefined);
  assertEquals(good.u32(2), 0x04030201);
  assertEquals(good.ipv4(2), ip("1.2.3.4"));
  assertEquals(good.copy().u32(2), 0x04030201);
  const zero = new Attributes(view(0, 0, 1, 0, 8, 0, 2, 0, 1, 2, 3, 4), 0);
  assertEquals(zero.u32(2), undefined);
  const long = new Attributes(view(9, 0, 1, 0, 1, 2, 3, 4), 0);
  assertEquals(long.get(1), undefined);
});

Deno.test("parseLink() ignores messages about bridge ports", () => {
  const link = (family: number) =>
    [
      ...parseMessages(
        new MessageBuilder(17)
          .u8(family).u8(0).u16(32).u32(3).u32(0x11043).u32(0)
          .attributeString(3, "ib0").finish(1),
      ),
    ][0]!;
  assertEquals(parseLink(link(7)), undefined);
  const parsed = parseLink(link(0))!;
  assertEquals([parsed.ifindex, parsed.name, parsed.up], [3, "ib0", true]);
});

function parseAll(bytes: Uint8Array): number {
  let count = 0;
  for (const message of parseMessages(bytes)) {
    count++;
    parseLink(message);
    parseAddress(message);
    parseMembership(message);
    parseRouteAnswer(message);
    const attributes = new Attributes(message.body, 4);
    for (let type = 0; type < 40; type++) {
      attributes.u32(type);
      attributes.ipv4(type);
      attributes.string(type);
      attributes.nested(type)?.u8(1);
    }
  }
  return count;
}

Deno.test("the parsers do not throw for arbitrary bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert(parseAll(bytes) <= bytes.length / 16);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("the parsers do not throw for messages with a changed byte or truncated messages", () => {
  const types = fc.constantFrom(16, 17, 20, 21, 24, 25, 56, 57, 58);
  fc.assert(
    fc.property(
      types,
      fc.nat(NEW_ADDRESS.length - 1),
      fc.nat(255),
      fc.nat(NEW_ADDRESS.length),
      (type, at, value, length) => {
        const bytes = NEW_ADDRESS.slice();
        bytes[4] = type;
        bytes[at] = value;
        assert(parseAll(bytes.subarray(0, length)) <= 3);
        // With a valid length, in a larger buffer.
        new DataView(bytes.buffer).setUint32(0, length, true);
        assert(parseAll(bytes.subarray(0, length)) <= 1);
      },
    ),
    { numRuns: 3000 },
  );
});
