import { assertEquals } from "@std/assert";
import { parseKernelAddress } from "../../src/netdev/rtnetlink/address_dump.ts";
import {
  MessageBuilder,
  parseMessages,
} from "../../src/netdev/rtnetlink/message.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { address, ip } from "./support.ts";

const NEW_ADDRESS = 20;
const INTERFACE = 3;

/** Parses a message on behalf of {@linkcode INTERFACE}. */
function parse(message: MessageBuilder) {
  const [parsed] = [...parseMessages(message.finish(1))];
  return parseKernelAddress(parsed!, INTERFACE);
}

function header(family: number, prefixLength: number, flags: number) {
  return new MessageBuilder(NEW_ADDRESS)
    .u8(family).u8(prefixLength).u8(flags).u8(253).u32(INTERFACE);
}

Deno.test("parseKernelAddress() returns every member of a point-to-point address", () => {
  const lifetimes = new Uint8Array(new Uint32Array([50, 100, 7, 8]).buffer);
  const message = header(2, 32, 0).attributeIpv4(1, ip("10.0.0.2"))
    .attributeIpv4(2, ip("10.0.0.1")).attributeIpv4(4, ip("10.0.0.255"))
    .attributeString(3, "ib0:x").attribute(6, lifetimes)
    .attributeU32(8, 0x201).attributeU32(9, 5);
  assertEquals(parse(message), {
    local: address("10.0.0.1"),
    peer: address("10.0.0.2"),
    prefixLength: 32,
    broadcast: address("10.0.0.255"),
    scope: 253,
    flags: 0x201,
    label: "ib0:x",
    metric: 5,
    preferredSeconds: 50,
    validSeconds: 100,
  });
});

Deno.test("parseKernelAddress() uses the defaults of absent attributes", () => {
  const bytes = new Uint8Array(16);
  bytes.set([0xfe, 0x80]);
  assertEquals(parse(header(10, 64, 0x80).attribute(1, bytes)), {
    local: IpAddress.parse("fe80::")!,
    peer: undefined,
    prefixLength: 64,
    broadcast: undefined,
    scope: 253,
    flags: 0x80,
    label: undefined,
    metric: undefined,
    preferredSeconds: 0xffffffff,
    validSeconds: 0xffffffff,
  });
});

Deno.test("parseKernelAddress() refuses other interfaces and families", () => {
  const other = new MessageBuilder(NEW_ADDRESS).u8(2).u8(24).u8(0).u8(0).u32(4)
    .attributeIpv4(2, ip("10.0.0.1"));
  const mixed = header(10, 64, 0).attributeIpv4(1, ip("10.0.0.1"));
  for (const message of [other, mixed, header(2, 24, 0)]) {
    assertEquals(parse(message), undefined);
  }
});
