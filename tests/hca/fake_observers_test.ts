import { assertEquals } from "@std/assert";
import { FakeFabric } from "../../src/hca/fake.ts";
import { PostResult } from "../../src/hca/post_result.ts";
import { formatGid } from "../../src/wire/gid.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { observe, type Seen } from "./observed.ts";

const MGID = broadcastMgid(0xffff);
const MLID = 0xc001;
const ENCAP = 0x08000000;
const options = { pkeyIndex: 0, recvQueueSize: 8 };

function pair(headersMissing = false) {
  const fabric = new FakeFabric();
  const a = fabric.addPort({ lid: 0x11 });
  const b = fabric.addPort({ lid: 0x12, headersMissing });
  const [from, to] = [a.createUdQp(options), b.createUdQp(options)];
  to.setQkey(7);
  to.attachMulticast(MGID, MLID);
  fabric.groups.set(MLID, [0x12]);
  const batch = to.createBatch();
  const post = (length: number, dlid = 0x12) => {
    const multicast = dlid >= MLID;
    const handle = a.createAddressHandle({
      dlid,
      sl: 3,
      staticRate: 0,
      ...(multicast
        ? {
          grh: {
            dgid: MGID,
            flowLabel: 0,
            hopLimit: 9,
            trafficClass: 0,
            sgidIndex: 0,
          },
        }
        : {}),
    });
    const slot = a.send.reserve();
    const base = slot * a.send.stride;
    a.send.bytes.fill(0, base, base + a.send.stride);
    a.send.view.setInt32(base + a.send.layout.encap, ENCAP);
    a.send.bytes.fill(length, base + a.send.layout.payload, base + 200);
    const qpn = multicast ? 0xffffff : to.qpn;
    const result = from.post(slot, length, handle, qpn, 7);
    fabric.settle();
    while (to.poll(batch)) to.release(batch);
    return result;
  };
  return { a, b, from, to, post };
}

Deno.test("an observer receives each packet once, with the headers of the wire format", () => {
  const { a, b, from, to, post } = pair();
  const [sent, received] = [observe(a), observe(b)];
  post(5);
  const expected: Seen = {
    direction: "sent",
    status: PostResult.Sent,
    qpn: from.qpn,
    sl: 3,
    slid: 0x11,
    dlid: 0x12,
    words: (8 + 12 + 8 + 4 + 5 + 3 + 4) / 4,
    pad: 3,
    pkey: 0xffff,
    destQpn: to.qpn,
    qkey: 7,
    sourceQpn: from.qpn,
    grh: undefined,
    encap: ENCAP,
    payload: new Uint8Array(5).fill(5),
    vnet: [0, 0, 0, 0, 0, 0],
  };
  assertEquals(sent.packets, [expected]);
  assertEquals(received.packets, [
    { ...expected, direction: "received", qpn: to.qpn },
  ]);
});

Deno.test("an observer receives the GRH of a multicast packet", () => {
  const { a, b, to, post } = pair(true);
  const [sent, received] = [observe(a), observe(b)];
  post(8, MLID);
  const grh = {
    sgid: formatGid(a.attributes.gid),
    dgid: formatGid(MGID),
    bytes: 12 + 8 + 4 + 8 + 4,
    hops: 9,
  };
  assertEquals(sent.packets.map((each) => each.grh), [grh]);
  const [packet] = received.packets;
  assertEquals([packet!.grh, packet!.vnet], [grh, undefined]);
  assertEquals([packet!.qpn, packet!.destQpn], [to.qpn, 0xffffff]);
});

Deno.test("an observer receives packets that were not sent, with the result of the post", () => {
  const { a, b, post } = pair();
  const [sent, received] = [observe(a), observe(b)];
  post(2045);
  a.postResult = PostResult.Unreachable;
  post(5);
  assertEquals(
    sent.packets.map(({ status, payload }) => [status, payload.length]),
    [[PostResult.TooLong, 2045], [PostResult.Unreachable, 5]],
  );
  assertEquals(received.packets, []);
});

Deno.test("observers can be added and removed between packets", () => {
  const { a, post } = pair();
  post(1);
  const first = observe(a);
  post(2);
  const second = observe(a);
  post(3);
  first.end();
  post(4);
  second.end();
  assertEquals(a.observers.active, false);
  post(5);
  const lengths = ({ packets }: { packets: Seen[] }) =>
    packets.map(({ payload }) => payload.length);
  assertEquals([lengths(first), lengths(second)], [[2, 3], [3, 4]]);
});
