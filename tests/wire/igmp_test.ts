import { assert, assertEquals } from "@std/assert";
import { checksum } from "../../src/wire/checksum.ts";
import { parseIgmpReport } from "../../src/wire/igmp.ts";
import { emitIpv4Header, IpProtocol, Ipv4Packet } from "../../src/wire/ipv4.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import { golden, hex, viewOf } from "./support.ts";

const ip = (text: string) => parseIpv4(text)!;

/** An IPv4 packet of an IGMP message whose checksum is filled in. */
function packetOf(message: Uint8Array, protocol: number = IpProtocol.Igmp) {
  const bytes = new Uint8Array(20 + message.length);
  const view = viewOf(bytes);
  emitIpv4Header(
    {
      source: ip("10.0.0.1"),
      destination: ip("224.0.0.22"),
      protocol,
      payloadLength: message.length,
      ttl: 1,
    },
    view,
    0,
  );
  bytes.set(message, 20);
  if (message.length >= 4) {
    view.setUint16(22, checksum(view, 20, message.length));
  }
  const packet = new Ipv4Packet(view, 0);
  assert(packet.valid(bytes.length));
  return packet;
}
const report = (text: string) => parseIgmpReport(packetOf(hex(text)));

Deno.test("parseIgmpReport() reads the golden version 3 report", () => {
  const bytes = golden("igmpv3_report");
  const packet = new Ipv4Packet(viewOf(bytes), 0);
  assert(packet.valid(bytes.length) && packet.checksumOk());
  assertEquals(packet.headerLength, 24);
  assertEquals(parseIgmpReport(packet), {
    joined: [ip("239.255.255.160"), ip("232.0.0.1")],
    left: [ip("239.1.2.3")],
  });
});

Deno.test("parseIgmpReport() reads versions 1 and 2", () => {
  const group = ip("239.1.2.3");
  const joined = { joined: [group], left: [] };
  assertEquals(report("12 00 0000 ef010203"), joined);
  assertEquals(report("16 00 0000 ef010203"), joined);
  assertEquals(report("17 00 0000 ef010203"), { joined: [], left: [group] });
});

Deno.test("parseIgmpReport() understands each version 3 record type", () => {
  const group = ip("239.1.2.3");
  const record = (type: string, sources: string) =>
    report(
      `22 00 0000 0000 0001 ${type} 00 ${
        sources ? "0001" : "0000"
      } ef010203 ${sources}`,
    );
  const joined = { joined: [group], left: [] };
  const left = { joined: [], left: [group] };
  const none = { joined: [], left: [] };
  for (
    const [type, empty, one] of [
      ["01", left, joined],
      ["02", joined, joined],
      ["03", left, joined],
      ["04", joined, joined],
      ["05", joined, joined],
      ["06", none, none],
      ["07", none, none],
    ] as const
  ) {
    assertEquals(record(type, ""), empty, `type ${type}`);
    assertEquals(record(type, "0a000001"), one, `type ${type} with a source`);
  }
});

Deno.test("parseIgmpReport() skips auxiliary data", () => {
  assertEquals(
    report(
      "22 00 0000 0000 0002  04 02 0000 ef010203 aaaaaaaaaaaaaaaa  04 00 0000 ef010204",
    ),
    { joined: [ip("239.1.2.3"), ip("239.1.2.4")], left: [] },
  );
});

Deno.test("parseIgmpReport() refuses queries, other protocols and malformed reports", () => {
  for (
    const text of [
      "",
      "16 00 0000",
      "11 00 0000 00000000",
      "16 00 0000 0a000001",
      "99 00 0000 ef010203",
      // Records and sources that the packet does not have.
      "22 00 0000 0000 0001",
      "22 00 0000 0000 ffff 04 00 0000 ef010203",
      "22 00 0000 0000 0001 04 00 0001 ef010203",
      "22 00 0000 0000 0001 04 ff 0000 ef010203",
      "22 00 0000 0000 0001 04 00 0000 0a000001",
    ]
  ) {
    assertEquals(report(text), undefined, text);
  }
  const message = hex("16 00 0000 ef010203");
  assertEquals(parseIgmpReport(packetOf(message, IpProtocol.Udp)), undefined);
  const spoilt = packetOf(message);
  spoilt.view.setUint8(27, 4);
  assertEquals(parseIgmpReport(spoilt), undefined, "checksum");
  const fragment = packetOf(message);
  fragment.view.setUint16(6, 0x2000);
  assertEquals(parseIgmpReport(fragment), undefined, "fragment");
});
