import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { summarise } from "../../src/capture/ip_summary.ts";
import { summariseMad } from "../../src/capture/mad_summary.ts";
import { EtherType } from "../../src/wire/encap.ts";
import { IpProtocol } from "../../src/wire/ipv4.ts";
import { MadHeader, Method, MgmtClass } from "../../src/wire/mad.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { SA_DATA_OFFSET, SaAttribute } from "../../src/wire/sa/sa_mad.ts";
import { ipv4Frame, packetOf } from "../ipoib/rig.ts";
import { golden, hex, viewOf } from "../wire/support.ts";

function ipv4(protocol: number, payload: Uint8Array): string {
  const packet = packetOf(
    ipv4Frame("10.9.0.1", "10.9.0.2", { protocol, payload }),
  );
  return summarise(EtherType.Ipv4, viewOf(packet), 0, packet.length);
}

Deno.test("summarise() describes IPv4 packets", () => {
  assertEquals(
    ipv4(IpProtocol.Icmp, hex("0800 0000 0007 0001 abcd")),
    "IP 10.9.0.1 > 10.9.0.2: ICMP echo request, id 7, seq 1, length 10",
  );
  assertEquals(
    ipv4(IpProtocol.Icmp, hex("0304 0000 0000 07fc")),
    "IP 10.9.0.1 > 10.9.0.2: ICMP unreachable, need to frag (mtu 2044), length 8",
  );
  assertEquals(
    ipv4(IpProtocol.Udp, hex("03e8 07d0 000c 0000 00000000")),
    "IP 10.9.0.1.1000 > 10.9.0.2.2000: UDP, length 4",
  );
  assertEquals(
    ipv4(
      IpProtocol.Tcp,
      hex("03e8 0016 00000001 00000002 5012 1000 0000 0000 6162"),
    ),
    "IP 10.9.0.1.1000 > 10.9.0.2.22: Flags [S.], seq 1, ack 2, win 4096, length 2",
  );
  assertEquals(
    ipv4(132, new Uint8Array(12)),
    "IP 10.9.0.1 > 10.9.0.2: protocol 132, length 12",
  );
});

Deno.test("summarise() describes IPv6 packets", () => {
  const packet = hex(
    `6000 0000 0008 3a ff fe80 0000 0000 0000 0000 0000 0000 0001
     ff02 0000 0000 0000 0000 0000 0000 0002 8500 0000 0000 0000`,
  );
  assertEquals(
    summarise(EtherType.Ipv6, viewOf(packet), 0, packet.length),
    "IP6 fe80::1 > ff02::2: ICMP6, router solicitation, length 8",
  );
});

Deno.test("summarise() describes ARP packets of both edges", () => {
  const arp = golden("arp_request");
  assertEquals(
    summarise(EtherType.Arp, viewOf(arp), 0, arp.length).slice(0, 21),
    "ARP, Request who-has ",
  );
  const host = hex("0020 0800 00 04 0002 0a090001 0a090002");
  assertEquals(
    summarise(EtherType.Arp, viewOf(host), 0, host.length),
    "ARP, Reply 10.9.0.1 to 10.9.0.2",
  );
});

Deno.test("summarise() reads nothing behind a packet, whatever its bytes are", () => {
  const types = [EtherType.Ipv4, EtherType.Ipv6, EtherType.Arp, 0x88cc];
  const first = fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x00);
  const protocol = fc.constantFrom(0, 1, 2, 6, 17, 43, 58, 132);
  fc.assert(fc.property(
    ...[fc.uint8Array({ maxLength: 90 }), first, protocol] as const,
    (bytes, version, next) => {
      const headers = [[0, version], [6, next], [9, next]] as const;
      for (const [at, value] of headers) {
        if (at < bytes.length) bytes[at] = value;
      }
      for (const type of types) {
        summarise(type, viewOf(bytes.slice()), 0, bytes.length);
      }
    },
  ));
});

Deno.test("summariseMad() names class, method and attribute", () => {
  const mad = new Uint8Array(256);
  const header = {
    mgmtClass: MgmtClass.SubnAdm as number,
    classVersion: 2,
    method: Method.GetResp as number,
    status: 0x0300,
    classSpecific: 0,
    transactionId: 1n,
    attributeId: 0x35,
    attributeModifier: 0,
  };
  MadHeader.emit(header, mad);
  assertEquals(
    summariseMad(viewOf(mad), 0),
    "SA GetResp PathRecord, status 0x0300 (no records)",
  );
  MadHeader.emit({
    ...header,
    mgmtClass: MgmtClass.CommunicationManagement,
    attributeId: 0x10,
  }, mad);
  assertEquals(summariseMad(viewOf(mad), 0), "CM REQ");
});

Deno.test("summariseMad() names the group of a join, and what a port must support to be a member", () => {
  const mad = new Uint8Array(256);
  const summary = (method: number, status = 0) => {
    MadHeader.emit({
      mgmtClass: MgmtClass.SubnAdm,
      classVersion: 2,
      method,
      status,
      classSpecific: 0,
      transactionId: 1n,
      attributeId: SaAttribute.McMemberRecord,
      attributeModifier: 0,
    }, mad);
    return summariseMad(viewOf(mad), 0);
  };
  const mgid = broadcastMgid(0x8011);
  mad.set(
    McMemberRecord.emit(
      McMemberRecord.of({ mgid, mtu: 5, rate: 16, qkey: 0xb1b }),
    ),
    SA_DATA_OFFSET,
  );
  const name = "ff12:401b:8011::ffff:ffff";
  assertEquals(summary(Method.Set), `SA Set MCMemberRecord ${name}`);
  assertEquals(
    summary(Method.GetResp),
    `SA GetResp MCMemberRecord ${name} mtu 4096 rate 100 Gb/sec Q_Key 0x00000b1b`,
  );
  assertEquals(
    summary(Method.GetResp, 0x0200),
    `SA GetResp MCMemberRecord ${name}, status 0x0200 (request invalid)`,
  );
  const cut = viewOf(mad.slice(0, SA_DATA_OFFSET + 20));
  assertEquals(
    summariseMad(cut, 0),
    "SA GetResp MCMemberRecord, status 0x0200 (request invalid)",
  );
});
