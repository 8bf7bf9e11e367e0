/** Filters, with the words of this program alone and with libpcap. */

import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { compileFilter } from "../../src/capture/filter.ts";
import { withoutOwnWords } from "../../src/capture/filter_words.ts";
import { Packet } from "../../src/capture/packet.ts";
import { BodyField, RecordKind } from "../../src/capture/record.ts";
import { EtherType } from "../../src/wire/encap.ts";
import { MgmtClass } from "../../src/wire/mad.ts";
import {
  RC_SEND_ONLY,
  UD_SEND_ONLY,
} from "../../src/wire/transport_headers.ts";
import { emitDeviceArp } from "../../src/wire/device_arp.ts";
import { ip, ipv4Frame, packetOf } from "../ipoib/rig.ts";
import { golden, viewOf } from "../wire/support.ts";
import { pcapTest } from "./libpcap.ts";

interface Fields {
  kind: RecordKind;
  etherType?: number;
  sent?: boolean;
  reason?: number;
  opcode?: number;
  dlid?: number;
}

function packet(bytes: Uint8Array, fields: Fields): Packet {
  const { kind, etherType = 0, sent = true, reason = -1 } = fields;
  const made = new Packet();
  const { memory, body } = made;
  Object.assign(made, { kind, sent, reason, length: bytes.length });
  memory.bytes.set(bytes, made.packet);
  memory.view.setUint8(body + BodyField.Bth, fields.opcode ?? UD_SEND_ONLY);
  memory.view.setUint16(body + BodyField.Lrh + 2, fields.dlid ?? 3);
  const type = kind === RecordKind.Frame
    ? body + BodyField.Ethernet + 12
    : body + BodyField.Encap;
  memory.view.setUint16(type, etherType);
  return made;
}

function udp(to: string, port: number): Uint8Array {
  const payload = new Uint8Array(20);
  viewOf(payload).setUint16(2, port);
  viewOf(payload).setUint16(4, payload.length);
  return packetOf(ipv4Frame("10.9.0.1", to, { payload }));
}

function mad(mgmtClass: number): Packet {
  const bytes = new Uint8Array(256);
  bytes.set([1, mgmtClass]);
  return packet(bytes, { kind: RecordKind.Mad });
}

function deviceArp(): Uint8Array {
  const bytes = new Uint8Array(16);
  emitDeviceArp(
    { operation: 1, senderIp: ip("10.9.0.1"), targetIp: ip("10.9.0.2") },
    viewOf(bytes),
    0,
  );
  return bytes;
}

const { Packet: IP, Frame } = RecordKind;
const PACKETS = {
  udp: packet(udp("10.9.0.2", 53), { kind: IP, etherType: EtherType.Ipv4 }),
  received: packet(udp("10.9.0.9", 99), {
    kind: IP,
    etherType: EtherType.Ipv4,
    sent: false,
  }),
  rc: packet(udp("10.9.0.2", 53), {
    kind: IP,
    etherType: EtherType.Ipv4,
    opcode: RC_SEND_ONLY,
  }),
  multicast: packet(udp("239.1.2.3", 53), {
    kind: IP,
    etherType: EtherType.Ipv4,
    dlid: 0xc001,
  }),
  // Of 10.0.0.1, with 20-byte addresses.
  arp: packet(golden("arp_request"), { kind: IP, etherType: EtherType.Arp }),
  hostArp: packet(deviceArp(), { kind: Frame, etherType: EtherType.Arp }),
  frame: packet(udp("10.9.0.2", 53), {
    kind: Frame,
    etherType: EtherType.Ipv4,
  }),
  dropped: packet(udp("10.9.0.2", 22), {
    kind: Frame,
    etherType: EtherType.Ipv4,
    reason: 3,
  }),
  sa: mad(MgmtClass.SubnAdm),
  cm: mad(MgmtClass.CommunicationManagement),
};

/** Returns the names of the packets that match. */
function matching(filter: string): string[] {
  const matches = compileFilter(filter);
  return Object.entries(PACKETS).filter(([, each]) => matches(each))
    .map(([name]) => name);
}

const ALL = Object.keys(PACKETS);

Deno.test("an empty filter matches every packet", () => {
  assertEquals(matching(""), ALL);
  assertEquals(matching("  "), ALL);
});

Deno.test("single words match without libpcap", () => {
  assertEquals(matching("arp"), ["arp", "hostArp"]);
  assertEquals(matching("mad"), ["sa", "cm"]);
  assertEquals(matching("sa"), ["sa"]);
  assertEquals(matching("cm"), ["cm"]);
  assertEquals(matching("rc"), ["rc"]);
  assertEquals(matching("dropped"), ["dropped"]);
  assertEquals(matching("inbound"), ["received"]);
  assertEquals(
    matching("outbound"),
    ALL.filter((name) => name !== "received"),
  );
  assertEquals(matching("ip6"), []);
});

pcapTest("expressions of libpcap match IP and ARP packets", () => {
  assertEquals(matching("udp port 53 and host 10.9.0.2"), [
    "udp",
    "rc",
    "frame",
  ]);
  assertEquals(matching("multicast"), ["multicast"]);
  assertEquals(matching("arp host 10.9.0.2"), ["hostArp"]);
  assertEquals(matching("host 10.9.0.2"), [
    ...["udp", "rc", "hostArp", "frame", "dropped"],
  ]);
});

pcapTest(
  "the words of this program combine with expressions of libpcap",
  () => {
    assertEquals(matching("mad or dst port 99"), ["received", "sa", "cm"]);
    assertEquals(matching("dropped and port 22"), ["dropped"]);
    assertEquals(matching("not (mad or arp) and inbound"), ["received"]);
  },
);

pcapTest("a filter leaves the frame as it was", () => {
  const { frame } = PACKETS;
  const { memory: { bytes }, body } = frame;
  const before = bytes.slice(body, body + 200);
  assertEquals(compileFilter("ip and outbound")(frame), true);
  assertEquals(bytes.slice(body, body + 200), before);
});

pcapTest(
  "compileFilter() throws for an invalid filter, with the message of libpcap",
  () => {
    const error = assertThrows(
      () => compileFilter("tcp prot 22"),
      IpoibError,
      'Invalid filter "tcp prot 22": ',
    );
    assertEquals(error.code, "E_FILTER");
  },
);

Deno.test("withoutOwnWords() leaves names, addresses and brackets alone", () => {
  for (
    const text of [
      "host cm.example.com",
      "host rc-1",
      "ether[mad]",
      "net fe80::sa",
      "port 22",
    ]
  ) assertEquals(withoutOwnWords(text), text);
  assertEquals(
    withoutOwnWords("(cm)or rc"),
    "((ether[12:2] = 34997 and ether[15:1] = 7))or (ether[9:1] = 1)",
  );
});
