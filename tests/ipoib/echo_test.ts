/** Detection of the port's own multicast packets (echoes). */

import { assertEquals } from "@std/assert";
import { FakeClock } from "../../src/base/clock.ts";
import { type RxBatch, RxFlag } from "../../src/hca/rx_batch.ts";
import type { UdQp } from "../../src/hca/ud_qp.ts";
import { ipv4Family } from "../../src/ipoib/family/ipv4_family.ts";
import type { Translator } from "../../src/ipoib/family/translator.ts";
import { Receiver } from "../../src/ipoib/rx.ts";
import { ReceivedGroups } from "../../src/ipoib/multicast/received_groups.ts";
import { Senders } from "../../src/ipoib/senders.ts";
import { Statistics } from "../../src/ipoib/statistics.ts";
import type { DhcpTranslator } from "../../src/ipoib/dhcp_translator.ts";
import { debugOff } from "./debug_off.ts";
import { FakeNetdev } from "../../src/netdev/fake.ts";
import { EtherType } from "../../src/wire/encap.ts";
import { parseGid } from "../../src/wire/gid.ts";

const OWN = parseGid("fe80::1")!;
const OTHER = parseGid("fe80::2")!;
const OTHER_PREFIX = parseGid("fec0::1")!;
const QPN = 0x11;

interface Arrival {
  lid: number;
  gid: Uint8Array;
  qpn?: number;
  flags?: number;
}

const translator: Translator = {
  transmit() {},
  receive: () => undefined,
  request() {},
  announce() {},
  probe() {},
  clear() {},
};

/** Returns the number of `arrivals` that count as echoes on a port with this LID. */
function echoes(lid: number, arrivals: Arrival[]): number {
  const statistics = new Statistics();
  const receiver = new Receiver({
    clock: new FakeClock(),
    netdev: new FakeNetdev(),
    port: { attributes: { lid, gid: OWN } },
    statistics,
    debug: debugOff(),
    families: [{ family: ipv4Family, translator }],
    // No DHCP packet arrives.
    dhcp: {} as DhcpTranslator,
    senders: new Senders({ attributes: { lmc: 0 } }),
    groups: new ReceivedGroups(() => undefined, new Map()),
  });
  receiver.open = true;
  receiver.attach(queuePair(arrivals));
  receiver.run();
  return statistics.totals.get("rx_echoes");
}

/** Returns a queue pair that receives one ARP packet for each arrival. */
function queuePair(arrivals: Arrival[]): UdQp {
  const count = arrivals.length;
  let polled = false;
  const batch = {
    count,
    view: arrivals.map(() => new DataView(new ArrayBuffer(64))),
    payload: new Int32Array(count),
    length: new Int32Array(count).fill(56),
    encap: new Int32Array(count).fill(EtherType.Arp << 16),
    sourceQpn: Int32Array.from(arrivals, ({ qpn }) => qpn ?? QPN),
    sourceLid: Int32Array.from(arrivals, ({ lid }) => lid),
    flags: Int32Array.from(
      arrivals,
      ({ flags }) => flags ?? RxFlag.Grh | RxFlag.Multicast,
    ),
  } as unknown as RxBatch;
  return {
    qpn: QPN,
    createBatch: () => batch,
    poll: () => {
      const n = polled ? 0 : count;
      polled = true;
      return n;
    },
    release: () => {},
    sourceGid: ({ flags }: RxBatch, i: number, into: Uint8Array) => {
      if ((flags[i]! & RxFlag.Grh) === 0) return false;
      into.set(arrivals[i]!.gid);
      return true;
    },
  } as unknown as UdQp;
}

Deno.test("echoes are detected by LID, QPN and the interface identifier of the source GID", () => {
  const own = { lid: 3, gid: OWN };
  assertEquals(echoes(3, [own]), 1);
  assertEquals(echoes(3, [{ ...own, lid: 4 }, { ...own, qpn: 0x12 }]), 0);
  assertEquals(echoes(3, [{ ...own, flags: RxFlag.Grh }]), 0, "unicast");
  assertEquals(
    echoes(3, [{ ...own, gid: OTHER }]),
    0,
    "functions of one device may share a LID and have the same QPN",
  );
  assertEquals(
    echoes(3, [{ ...own, gid: OTHER_PREFIX }]),
    1,
    "the echo is from before a change of the subnet prefix",
  );
  assertEquals(
    echoes(3, [{ ...own, gid: OTHER, flags: RxFlag.Multicast }]),
    1,
    "a packet without a GRH has no source GID",
  );
});

Deno.test("without LIDs echoes are detected by GID and QPN", () => {
  const own = { lid: 0, gid: OWN };
  assertEquals(echoes(0, [own]), 1);
  assertEquals(
    echoes(0, [{ ...own, gid: OTHER }]),
    0,
    "another port may have the same QPN",
  );
  assertEquals(echoes(0, [{ ...own, qpn: 0x12 }]), 0);
});
