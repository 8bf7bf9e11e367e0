import { assertEquals } from "@std/assert";
import { FakeFabric } from "../../../src/hca/fake.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import { UdPacketPublisher } from "../../../src/hca/verbs/ud_packet_publisher.ts";
import { VerbsSendMemory } from "../../../src/hca/verbs/send_memory.ts";
import { PacketObservers } from "../../../src/hca/packet_observers.ts";
import { formatGid } from "../../../src/wire/gid.ts";
import { type Seen, seen } from "../observed.ts";
import { FakeVerbs } from "./fake_verbs.ts";

const { attributes } = new FakeFabric().addPort({ lid: 0x40 });
const QP = { qpn: 0x77, pkey: 0x8001, qkey: 0xb1b, groups: [] };
const DGID = Uint8Array.from({ length: 16 }, (_, i) => 0xff - i);

Deno.test("an observer receives posted packets with headers from the address handle", () => {
  const memory = new VerbsSendMemory(new FakeVerbs().library, 0n, false);
  const observers = new PacketObservers();
  const publisher = new UdPacketPublisher(observers, { attributes }, QP);
  assertEquals(publisher.active, false);
  const packets: Seen[] = [];
  const end = observers.add((packet) => packets.push(seen(packet)));
  assertEquals(publisher.active, true);
  const slot = memory.reserve();
  const base = slot * memory.stride;
  memory.view.setInt32(base + memory.layout.encap, 0x08060000);
  memory.bytes.fill(0x5a, base + memory.layout.payload, base + 200);
  const path = { dlid: 9, sl: 3, staticRate: 0 };
  publisher.sent(PostResult.Sent, memory, slot, 56, path, 0x48, 0x80000b1b);
  const expected: Seen = {
    direction: "sent",
    status: PostResult.Sent,
    qpn: 0x77,
    sl: 3,
    slid: 0x40,
    dlid: 9,
    words: (8 + 12 + 8 + 4 + 56 + 4) / 4,
    pad: 0,
    pkey: 0x8001,
    destQpn: 0x48,
    qkey: 0x80000b1b,
    sourceQpn: 0x77,
    grh: undefined,
    encap: 0x08060000,
    payload: new Uint8Array(56).fill(0x5a),
    vnet: [0, 0, 0, 0, 0, 0],
  };
  assertEquals(packets, [expected]);

  const grh = {
    dgid: DGID,
    flowLabel: 0,
    hopLimit: 7,
    trafficClass: 0,
    sgidIndex: 0,
  };
  const group = { ...path, dlid: 0xc001, grh };
  publisher.sent(PostResult.NotReady, memory, slot, 56, group, 0xffffff, 1);
  assertEquals(packets[1], {
    ...expected,
    status: PostResult.NotReady,
    dlid: 0xc001,
    words: expected.words + 10,
    destQpn: 0xffffff,
    qkey: 1,
    grh: {
      sgid: formatGid(attributes.gid),
      dgid: formatGid(DGID),
      bytes: 12 + 8 + 4 + 56 + 4,
      hops: 7,
    },
  });
  // No header of the previous packet is left.
  publisher.sent(PostResult.Sent, memory, slot, 56, path, 0x48, 0x80000b1b);
  assertEquals(packets[2], expected);
  const other = { ...path, pathBits: 2 };
  publisher.sent(PostResult.Sent, memory, slot, 56, other, 0x48, 0x80000b1b);
  assertEquals(packets[3], { ...expected, slid: 0x42 });
  end();
  memory.close();
});
