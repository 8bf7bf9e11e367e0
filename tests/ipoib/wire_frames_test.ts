/**
 * Packets of the engine in wire format: composed from the slots of the embedded HCA, compared with golden bytes and
 * decoded by tshark.
 */

import { PortMemberships } from "../../src/sa/port_memberships.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ENCAP_LENGTH } from "../../src/base/units.ts";
import { SoftPort } from "../../src/hca/soft/port.ts";
import {
  BTH,
  ENCAP,
  GRH,
  LRH,
  PAYLOAD,
  STRIDE,
} from "../../src/hca/soft/slot_layout.ts";
import { IpoibDevice } from "../../src/ipoib/device.ts";
import { openSaClient } from "../../src/ipoib/open_sa_client.ts";
import { FakeNetdev } from "../../src/netdev/fake.ts";
import { withCrcs } from "../wire/with_crcs.ts";
import { emitIcmpEcho } from "../../scripts/packets/icmp_echo.ts";
import { IpProtocol } from "../../src/wire/ipv4.ts";
import { Subnet } from "../hca/soft/subnet.ts";
import { golden, viewOf } from "../wire/support.ts";
import { ip, ipv4Frame } from "./rig.ts";
import { tshark, tsharkFields, tsharkTest } from "./tshark.ts";

const LNH_GLOBAL = 3;

/** Returns the packet in a slot in wire format: without gaps, padded, with both CRCs. */
function frameOf(bytes: Uint8Array, base: number, length: number): Uint8Array {
  const global = (bytes[base + LRH + 1]! & 3) === LNH_GLOBAL;
  const parts = [
    bytes.subarray(base + LRH, base + GRH),
    global ? bytes.subarray(base + GRH, base + BTH) : new Uint8Array(0),
    bytes.subarray(base + BTH, base + ENCAP),
    bytes.subarray(base + ENCAP, base + ENCAP + ENCAP_LENGTH),
    bytes.subarray(base + PAYLOAD, base + PAYLOAD + length),
    new Uint8Array(-length & 3),
  ];
  const end = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = new Uint8Array(end);
  let at = 0;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return withCrcs(frame);
}

/** Records each packet that a port's queue pairs post. */
function record(port: SoftPort, frames: Uint8Array[]): void {
  const createUdQp = port.createUdQp.bind(port);
  port.createUdQp = (options) => {
    const qp = createUdQp(options);
    const post = qp.post.bind(qp);
    qp.post = (slot, length, ...rest) => {
      const result = post(slot, length, ...rest);
      // The slot is not reused before the reactor's next turn.
      frames.push(frameOf(options.memory.bytes, slot * STRIDE, length));
      return result;
    };
    return qp;
  };
}

function host(subnet: Subnet, guid: bigint, address: string) {
  const { port } = subnet.open(guid);
  const frames: Uint8Array[] = [];
  record(port, frames);
  const { reactor } = subnet;
  const { sa } = openSaClient(reactor, port);
  const device = new IpoibDevice(
    { reactor, port, sa, memberships: new PortMemberships(sa) },
    {
      name: "ib0",
      pkeyIndex: 0,
      adminMtu: undefined,
      openNetdev: (name, memory) => new FakeNetdev({ name, memory }),
    },
  );
  const netdev = device.parent.netdev as FakeNetdev;
  netdev.config.addAddress(ip(address), 24);
  return { port, frames, device, netdev };
}

function echo(from: string, to: string): Uint8Array {
  const payload = new Uint8Array(8 + 11);
  emitIcmpEcho(
    {
      reply: false,
      id: 0x1234,
      sequence: 5,
      payload: new TextEncoder().encode("hello ipoib"),
    },
    viewOf(payload),
    0,
  );
  return ipv4Frame(from, to, { protocol: IpProtocol.Icmp, payload });
}

/** Exchanges packets between two hosts; returns ARP request, ARP reply, ICMP echo and multicast in wire format. */
function exchange(): Uint8Array[] {
  using subnet = new Subnet();
  const a = host(subnet, 0x0002_c903_0000_0001n, "10.0.0.1");
  subnet.until(() => a.device.parent.carrier);
  const b = host(subnet, 0x0002_c903_0000_0002n, "10.0.0.2");
  subnet.until(() => b.device.parent.carrier);
  subnet.settle();
  a.frames.length = 0;
  b.frames.length = 0;
  a.netdev.inject(echo("10.0.0.1", "10.0.0.2"));
  subnet.until(() => b.netdev.written.length > 0, "the echo");
  a.netdev.inject(echo("10.0.0.1", "239.1.2.3"));
  subnet.until(() => a.frames.length === 3, "the multicast");
  const [request, unicast, multicast] = a.frames;
  const [reply] = b.frames;
  for (const { device } of [a, b]) device.close();
  return [request!, reply!, unicast!, multicast!];
}

const FRAMES = exchange();
const [REQUEST, REPLY, UNICAST, MULTICAST] = FRAMES as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

Deno.test("the ARP request matches the golden bytes", () => {
  assertEquals(REQUEST, golden("engine_arp_request"));
});

Deno.test("the ARP reply matches the golden bytes", () => {
  assertEquals(REPLY, golden("engine_arp_reply"));
});

Deno.test("the ICMP echo matches the golden bytes", () => {
  assertEquals(UNICAST, golden("engine_icmp_echo"));
});

Deno.test("the multicast packet matches the golden bytes", () => {
  assertEquals(MULTICAST, golden("engine_multicast"));
});

const A_LID = 2;
const B_LID = 3;
const QPN = 0x48;

tsharkTest("tshark decodes LIDs, keys and QPNs", async () => {
  const rows = await tsharkFields(
    FRAMES,
    "infiniband.lrh.slid",
    "infiniband.lrh.dlid",
    "infiniband.bth.p_key",
    "infiniband.bth.destqp",
    "infiniband.deth.srcqp",
    "infiniband.deth.q_key",
    "frame.protocols",
  );
  const numbers = rows.map((row) => row.slice(0, 6).map(Number));
  const mlid = 0xc000;
  const keys = [0xffff, QPN, QPN, 0x0b1b];
  const group = [0xffff, 0xffffff, QPN, 0x0b1b];
  assertEquals(numbers.slice(0, 3), [
    [A_LID, mlid, ...group],
    [B_LID, A_LID, ...keys],
    [A_LID, B_LID, ...keys],
  ]);
  assertEquals(numbers[3]!.slice(2), group);
  assertEquals(numbers[3]![1]! > mlid, true, "an MLID of its own");
  const kinds = ["arp", "arp", "ip:icmp", "ip:icmp"];
  rows.forEach((row, i) =>
    assertMatch(row[6]!, new RegExp(`^erf:infiniband.*:${kinds[i]}`))
  );
});

tsharkTest("tshark decodes lengths, padding and GRH", async () => {
  const rows = await tsharkFields(
    FRAMES,
    "infiniband.lrh.pktlen",
    "infiniband.bth.padcnt",
    "infiniband.grh.paylen",
    "infiniband.grh.sgid",
    "infiniband.grh.dgid",
  );
  const grh = [
    "ff12:401b:ffff::ffff:ffff",
    undefined,
    undefined,
    "ff12:401b:ffff::f01:203",
  ];
  for (const [i, [words, pad, length, sgid, dgid]] of rows.entries()) {
    assertEquals(Number(words) * 4 + 2, FRAMES[i]!.length);
    assertEquals(Number(pad), i < 2 ? 0 : 1);
    assertEquals(length, grh[i] ? String(FRAMES[i]!.length - 50) : "");
    assertEquals(sgid, grh[i] ? "fe80::2:c903:0:1" : "");
    assertEquals(dgid, grh[i] ?? "");
  }
});

tsharkTest(
  "tshark decodes ARP: hardware type 32, both addresses",
  async () => {
    const rows = await tsharkFields(
      FRAMES,
      "arp.hw.type",
      "arp.hw.size",
      "arp.opcode",
      "arp.src.proto_ipv4",
      "arp.dst.proto_ipv4",
    );
    assertEquals(rows.slice(0, 2), [
      ["32", "20", "1", "10.0.0.1", "10.0.0.2"],
      ["32", "20", "2", "10.0.0.2", "10.0.0.1"],
    ]);
    const text = (await tshark(FRAMES, "-V", "-Y", "arp.opcode == 2"))
      .replaceAll(
        ":",
        "",
      );
    assertStringIncludes(text, "80000048fe800000000000000002c90300000002");
    assertStringIncludes(text, "80000048fe800000000000000002c90300000001");
  },
);

tsharkTest(
  "tshark reports correct checksums and no malformed packets",
  async () => {
    const rows = await tsharkFields(
      FRAMES,
      "ip.checksum.status",
      "icmp.checksum.status",
    );
    assertEquals(rows.slice(2), [["1", "1"], ["1", "1"]]);
    assertEquals(await tshark(FRAMES, "-Y", "_ws.malformed || _ws.short"), "");
  },
);
