import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { interfaceFilter } from "../../src/netdev/rtnetlink/event_filter.ts";
import {
  type NetlinkMessage,
  parseMessages,
} from "../../src/netdev/rtnetlink/message.ts";
import {
  neighbourRequest,
  NeighbourState,
  parseNeighbour,
} from "../../src/netdev/rtnetlink/neighbour.ts";
import { changeNeighbours } from "../../src/netdev/rtnetlink/neighbour_set.ts";
import type { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";

const RTM_NEWNEIGH = 28;

/** RTM_NEWNEIGH of 10.0.0.9 on interface 3, REACHABLE, as sent by Linux 6.18 for a device of link type 32. */
const NEW_NEIGHBOUR = new Uint8Array([
  ...[0x44, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ...[2, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 1],
  ...[8, 0, 1, 0, 10, 0, 0, 9],
  ...[4, 0, 2, 0],
  ...[8, 0, 4, 0, 4, 0, 0, 0],
  ...[20, 0, 3, 0, 12, 0, 0, 0, 70, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0],
]);

function only(bytes: Uint8Array): NetlinkMessage {
  const [message] = [...parseMessages(bytes)];
  assert(message);
  return message;
}

Deno.test("parseNeighbour() parses the golden bytes", () => {
  assertEquals(parseNeighbour(only(NEW_NEIGHBOUR)), {
    ifindex: 3,
    address: IpAddress.parse("10.0.0.9")!,
    state: NeighbourState.REACHABLE,
    flags: 0,
    proxy: false,
    ages: { confirmed: 120, used: 700, updated: 2570 },
    probes: 4,
  });
});

Deno.test("neighbourRequest() writes the golden bytes", () => {
  const request = neighbourRequest(
    RTM_NEWNEIGH,
    4,
    3,
    IpAddress.parse("fe80::9")!,
    NeighbourState.FAILED,
  );
  assertEquals([...request.finish(7)], [
    ...[0x30, 0, 0, 0, 28, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0],
    ...[10, 0, 0, 0, 3, 0, 0, 0, 0x20, 0, 0, 0],
    ...[20, 0, 1, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
  ]);
});

const words = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const addresses = fc.oneof(
  words.map((word) => IpAddress.ipv4(word)),
  fc.tuple(words, words, words, words).map((four) => new IpAddress(...four)),
);

Deno.test("parseNeighbour() is the inverse of neighbourRequest() for both families", () => {
  fc.assert(
    fc.property(
      addresses,
      fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      fc.constantFrom(...Object.values(NeighbourState)),
      fc.nat(255),
      (address, ifindex, state, flags) => {
        const request = neighbourRequest(
          RTM_NEWNEIGH,
          0,
          ifindex,
          address,
          state,
          flags,
        );
        assertEquals(parseNeighbour(only(request.finish(1))), {
          ifindex,
          address,
          state,
          flags,
          proxy: (flags & 8) !== 0,
          ages: undefined,
          probes: 0,
        });
      },
    ),
  );
});

Deno.test("parseNeighbour() refuses malformed messages", () => {
  const changed = (at: number, value: number) => {
    const bytes = NEW_NEIGHBOUR.slice();
    bytes[at] = value;
    return parseNeighbour(only(bytes));
  };
  // Another message type, AF_BRIDGE, IPv6 with 4 bytes, another attribute type.
  assertEquals(changed(4, 30), undefined);
  assertEquals(changed(16, 7), undefined);
  assertEquals(changed(16, 10), undefined);
  assertEquals(changed(30, 9), undefined);
  // A truncated struct ndmsg.
  const short = NEW_NEIGHBOUR.slice(0, 24);
  short[0] = 24;
  assertEquals(parseNeighbour(only(short)), undefined);
});

Deno.test("parseNeighbour() refuses a v4-mapped IPv6 address", () => {
  const bytes = neighbourRequest(
    RTM_NEWNEIGH,
    0,
    3,
    IpAddress.parse("2001:db8::a00:9")!,
    2,
  ).finish(1);
  bytes.set(new Uint8Array(10), 32);
  bytes.set([0xff, 0xff], 42);
  assertEquals(parseNeighbour(only(bytes)), undefined);
});

Deno.test("parseNeighbour() does not throw for a changed byte or a truncated message", () => {
  fc.assert(
    fc.property(
      fc.nat(NEW_NEIGHBOUR.length - 1),
      fc.nat(255),
      fc.nat(NEW_NEIGHBOUR.length),
      (at, value, length) => {
        const bytes = NEW_NEIGHBOUR.slice();
        bytes[at] = value;
        const cut = bytes.slice(0, length);
        if (length >= 4) new DataView(cut.buffer).setUint32(0, length, true);
        for (const message of parseMessages(cut)) {
          const record = parseNeighbour(message);
          if (record) assert(record.address instanceof IpAddress);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("interfaceFilter() writes the golden bytes", () => {
  assertEquals([...interfaceFilter(0x0103)], [
    ...[0x20, 0, 0, 0, 20, 0, 0, 0],
    // The event has 03 01 00 00, loaded as 0x03010000.
    ...[0x15, 0, 0, 1, 0, 0, 1, 3],
    ...[6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
    ...[6, 0, 0, 0, 0, 0, 0, 0],
  ]);
});

function refusing(errnos: readonly number[]): RequestSocket {
  const socket = {
    post: () => errnos.map((errno) => ({ errno, text: "refused" })),
  };
  return socket as unknown as RequestSocket;
}

Deno.test("changeNeighbours() counts missing entries and other failures", () => {
  const address = IpAddress.parse("10.0.0.9")!;
  const change = (...errnos: number[]) =>
    changeNeighbours(refusing(errnos), 3, [address, address], "fail");
  assertEquals(change(2, 19), { gone: 2, refused: 0 });
  assertEquals(change(22, 105), { gone: 1, refused: 1 });
  assertEquals(change(), { gone: 0, refused: 0 });
});
