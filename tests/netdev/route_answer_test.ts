import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  Attributes,
  MessageBuilder,
  parseMessages,
} from "../../src/netdev/rtnetlink/message.ts";
import { parseNexthop } from "../../src/netdev/rtnetlink/nexthop.ts";
import { parseRouteAnswer } from "../../src/netdev/rtnetlink/route_answer.ts";
import { routeRequest } from "../../src/netdev/rtnetlink/route_flow.ts";
import { ipAddress } from "../wire/support.ts";

function only(bytes: Uint8Array) {
  const [message] = [...parseMessages(bytes)];
  assert(message);
  return message;
}

/** Reply of Linux 6.18: the route 10.12.0.0/16 with two legs, one of them dead and with an IPv6 gateway. */
const MULTIPATH = new Uint8Array([
  ...[0x60, 0, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
  ...[2, 16, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0],
  ...[8, 0, 15, 0, 254, 0, 0, 0],
  ...[8, 0, 1, 0, 10, 12, 0, 0],
  ...[52, 0, 9, 0],
  ...[32, 0, 1, 0, 2, 0, 0, 0],
  ...[22, 0, 18, 0, 10, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ...[5, 0, 0],
  ...[16, 0, 0, 4, 3, 0, 0, 0],
  ...[8, 0, 5, 0, 10, 0, 0, 3],
]);

Deno.test("parseRouteAnswer() parses the golden bytes of a multipath route", () => {
  assertEquals(parseRouteAnswer(only(MULTIPATH)), {
    type: 1,
    nexthopId: 0,
    legs: [
      { ifindex: 2, gateway: ipAddress("fe80::5"), weight: 1, dead: true },
      { ifindex: 3, gateway: ipAddress("10.0.0.3"), weight: 5, dead: false },
    ],
  });
});

function single(add: (message: MessageBuilder) => MessageBuilder) {
  const message = new MessageBuilder(24)
    .u8(2).u8(32).u8(0).u8(0).u8(254).u8(0).u8(0).u8(1).u32(0x200);
  return parseRouteAnswer(only(add(message).finish(1)));
}

Deno.test("parseRouteAnswer() parses routes with one leg", () => {
  const leg = { ifindex: 3, gateway: undefined, weight: 1, dead: false };
  const ours = (message: MessageBuilder) => message.attributeU32(4, 3);
  assertEquals(single(ours), { type: 1, nexthopId: 0, legs: [leg] });
  assertEquals(
    single((m) => ours(m).attribute(5, ipAddress("10.0.0.9").bytes()))?.legs,
    [{ ...leg, gateway: ipAddress("10.0.0.9") }],
  );
  // A malformed gateway must not count as "on the link".
  const mapped = new Uint8Array(18);
  mapped.set([10, 0]);
  mapped.set([0xff, 0xff, 10, 0, 0, 1], 12);
  for (const [type, bytes] of [[5, 3], [18, 2], [18, 9]] as const) {
    assertEquals(
      single((m) => ours(m).attribute(type, new Uint8Array(bytes)))?.legs,
      [],
    );
  }
  assertEquals(single((m) => ours(m).attribute(18, mapped))?.legs, []);
  assertEquals(single((m) => m.attributeU32(30, 7)), {
    type: 1,
    nexthopId: 7,
    legs: [],
  });
});

function nexthop(add: (message: MessageBuilder) => MessageBuilder) {
  const message = new MessageBuilder(104).u8(2).u8(0).u8(0).u8(0).u32(1);
  return parseNexthop(only(add(message).finish(1)));
}

Deno.test("parseNexthop() parses groups, legs and blackholes", () => {
  assertEquals(
    nexthop((m) =>
      m.attribute(
        2,
        new Uint8Array([1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0]),
      )
    ),
    { members: [{ id: 1, weight: 3 }, { id: 2, weight: 257 }], leg: undefined },
  );
  const gateway = ipAddress("10.0.0.7");
  assertEquals(
    nexthop((m) => m.attributeU32(5, 3).attribute(6, gateway.bytes()))?.leg,
    { ifindex: 3, gateway, weight: 1, dead: true },
  );
  assertEquals(nexthop((m) => m.attribute(4, new Uint8Array(0))), {
    members: [],
    leg: undefined,
  });
});

Deno.test("routeRequest() writes the golden bytes", () => {
  const request = routeRequest({
    destination: ipAddress("10.0.0.9"),
    source: ipAddress("10.0.0.1"),
    tos: 0x10,
    protocol: 17,
    sourcePort: 0x1234,
    destinationPort: 53,
    input: 1,
    output: 3,
    whole: true,
  });
  assertEquals([...request.finish(9)], [
    ...[0x54, 0, 0, 0, 26, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0],
    ...[2, 32, 32, 0x10, 0, 0, 0, 0, 0, 0x20, 0, 0],
    ...[8, 0, 1, 0, 10, 0, 0, 9],
    ...[8, 0, 2, 0, 10, 0, 0, 1],
    ...[8, 0, 3, 0, 1, 0, 0, 0],
    ...[8, 0, 4, 0, 3, 0, 0, 0],
    ...[5, 0, 27, 0, 17, 0, 0, 0],
    ...[6, 0, 28, 0, 0x12, 0x34, 0, 0],
    ...[6, 0, 29, 0, 0, 53, 0, 0],
  ]);
});

Deno.test("routeRequest() contains only protocols and ports that the kernel accepts", () => {
  const attributes = (destination: string, protocol: number) => {
    const query = {
      destination: ipAddress(destination),
      protocol,
      sourcePort: 1,
      destinationPort: 2,
    };
    const { body } = only(routeRequest(query).finish(1));
    const found = new Attributes(body, 12);
    return [27, 28, 29].map((type) => found.get(type) !== undefined);
  };
  assertEquals(attributes("10.0.0.9", 6), [true, true, true]);
  assertEquals(attributes("fd00::9", 17), [true, true, true]);
  assertEquals(attributes("10.0.0.9", 1), [true, false, false]);
  assertEquals(attributes("fd00::9", 58), [true, false, false]);
  assertEquals(attributes("10.0.0.9", 58), [false, false, false]);
  assertEquals(attributes("10.0.0.9", 132), [false, false, false]);
});

Deno.test("the route parsers do not throw for a changed byte or a truncated message", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(24, 104),
      fc.nat(MULTIPATH.length - 1),
      fc.nat(255),
      fc.integer({ min: 4, max: MULTIPATH.length }),
      (type, at, value, length) => {
        const bytes = MULTIPATH.slice(0, length);
        bytes[4] = type;
        if (at < length) bytes[at] = value;
        new DataView(bytes.buffer).setUint32(0, length, true);
        for (const message of parseMessages(bytes)) {
          const legs = parseRouteAnswer(message)?.legs ?? [];
          assert(legs.length <= bytes.length / 8);
          const members = parseNexthop(message)?.members ?? [];
          assert(members.length <= bytes.length / 8);
        }
      },
    ),
    { numRuns: 3000 },
  );
});
