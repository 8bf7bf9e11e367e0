/** Fuzz targets of the engine: frames from the kernel and packets from the fabric, with two hosts. */

import { assert, assertEquals } from "@std/assert";
import { encapWord, EtherType } from "../../../src/wire/encap.ts";
import { configureLog } from "../../../src/base/log.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { type Host, ip, ipv4Frame, QKEY, Rig } from "../../ipoib/rig.ts";
import { viewOf } from "../../wire/support.ts";
import type { FuzzSession, FuzzTarget } from "./target.ts";

// The rig has its own log.
configureLog("silent");

const TYPES = [
  EtherType.Ipv4,
  EtherType.Ipv4,
  EtherType.Arp,
  EtherType.Arp,
  EtherType.Ipv6,
  EtherType.Rarp,
];
/** Number of inputs after which the clock advances by TURN_MS. */
const TURN = 8;
const TURN_MS = 300;
/** Two minutes, in which every pending request times out. */
const QUIET_MS = 120_000;

class Pair {
  readonly rig = new Rig();
  readonly hosts: readonly [Host, Host] = this.rig.pair();
  #count = 0;

  turn(): void {
    this.rig.settle();
    if (++this.#count % TURN === 0) this.rig.advance(TURN_MS);
    for (const host of this.hosts) {
      host.received();
      host.posted();
    }
  }

  /** Asserts that the hosts reach each other and that no slot is lost. */
  close(): void {
    const [a, b] = this.hosts;
    this.rig.advance(QUIET_MS);
    for (const host of this.hosts) {
      const { neighbours } = host.netdev.config;
      for (const { address } of neighbours.list()) {
        neighbours.delete(address.w3);
      }
      host.received();
    }
    a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
    this.rig.advance(3000);
    const arrived = b.received().filter((packet) =>
      viewOf(packet).getInt32(16) === ip("10.0.0.2")
    );
    assert(arrived.length > 0, "the frame arrives at the other host");
    this.rig.check();
  }
}

function session(run: (pair: Pair, input: Uint8Array) => boolean): FuzzSession {
  const pair = new Pair();
  return {
    run(input) {
      const accepted = run(pair, input);
      pair.turn();
      return accepted;
    },
    close: () => pair.close(),
  };
}

/** Frames that the kernel writes to the device: virtio header, Ethernet header, packet. */
export const deviceFrameTarget: FuzzTarget = {
  name: "device_frame",
  kind: "bytes",
  inputsPerSession: 1000,
  open: () =>
    session(({ hosts: [a] }, input) => {
      const before = a.drops["tx_malformed"] ?? 0;
      // inject() of the host routes the frame by the kernel's neighbours; the device's inject() passes it unchanged.
      const routed = input.length >= FRAME_HEADER_LENGTH + 20;
      if (routed && (input[0]! & 0x80) === 0) a.inject(input.slice());
      else a.netdev.inject(input.slice());
      a.rig.settle();
      return (a.drops["tx_malformed"] ?? 0) === before;
    }),
};

/**
 * Packets from a peer. The first byte of the input selects the EtherType (low three bits; 6 and 7 select the EtherType
 * in the next two bytes), multicast (bit 3) and a wrong source QPN (bit 4).
 */
export const fabricPacketTarget: FuzzTarget = {
  name: "fabric_packet",
  kind: "bytes",
  inputsPerSession: 1000,
  open: () =>
    session(({ hosts: [a, b] }, input) => {
      if (input.length < 3) return false;
      const choice = input[0]!;
      const type = TYPES[choice & 7] ?? viewOf(input).getUint16(1);
      const { broadcast } = a.link.groups;
      const record = choice & 8 ? broadcast?.record : undefined;
      const before = a.drops["rx_malformed"] ?? 0;
      b.port.inject({
        handle: {
          dlid: record?.mlid ?? a.port.attributes.lid,
          sl: 0,
          staticRate: 0,
          ...(record && {
            grh: {
              dgid: record.mgid,
              flowLabel: 0,
              hopLimit: 0,
              trafficClass: 0,
              sgidIndex: 0,
            },
          }),
        },
        destQpn: a.link.qpn,
        sourceQpn: choice & 16 ? 0x1234 : b.link.qpn,
        qkey: QKEY,
        encap: encapWord(type),
        payload: input.slice(3, 3 + 2044),
      });
      a.rig.settle();
      assertEquals(a.netdev.closed, false);
      return (a.drops["rx_malformed"] ?? 0) === before;
    }),
};
