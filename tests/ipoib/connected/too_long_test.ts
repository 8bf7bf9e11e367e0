/** Packets that exceed the MTU of their route: the ICMP messages, large sends, groups, and the limit of the rate. */

import { assertEquals } from "@std/assert";
import { MAX_TOO_BIG_PER_SECOND } from "../../../src/ipoib/constants.ts";
import { internetChecksum } from "../../../src/wire/checksum.ts";
import { GsoType } from "../../../src/wire/vnet.ts";
import { viewOf } from "../../wire/support.ts";
import { ip, ipv4Frame, logLines, Rig } from "../rig.ts";
import { counted, frameOf, transports } from "./support.ts";

const ICMP = 20;

/** A host in connected mode with a peer that has only UD. */
function mixedPair() {
  const rig = new Rig();
  const a = rig.host({
    address: "10.0.0.1",
    connections: true,
    mode: "connected",
  });
  const b = rig.host({ address: "10.0.0.2" });
  a.send(frameOf(100));
  a.posted();
  b.received();
  return { rig, a, b };
}

Deno.test("a packet too long for UD is answered with the MTU of the group, from its destination", () => {
  const { rig, a } = mixedPair();
  const frame = frameOf(2045);
  a.send(frameOf(2044), frame);
  assertEquals(transports(a), ["ud 2044"]);
  const [message, ...others] = a.received();
  assertEquals(others, []);
  const view = viewOf(message!);
  assertEquals([view.getInt32(12), view.getInt32(16)], [
    ip("10.0.0.2"),
    ip("10.0.0.1"),
  ]);
  assertEquals(
    [view.getUint16(ICMP), view.getUint16(ICMP + 6)],
    [0x0304, 2044],
  );
  assertEquals(internetChecksum(view, 0, ICMP), 0);
  assertEquals(internetChecksum(view, ICMP, message!.length - ICMP), 0);
  assertEquals(message!.slice(28, 48), frame.slice(26, 46));
  assertEquals(a.drops, { tx_too_long: 1 });
  assertEquals([a.totals.tx_errors, a.totals.tx_dropped], [1, 1]);
  rig.check();
});

Deno.test("a large send whose segments fit UD passes, others are answered", () => {
  const { rig, a } = mixedPair();
  const large = (segment: number) => {
    const vnet = new Uint8Array(12);
    const view = viewOf(vnet);
    vnet[0] = 1;
    vnet[1] = GsoType.Tcpv4;
    view.setUint16(4, segment, true);
    view.setUint16(6, 14 + 20, true);
    view.setUint16(8, 16, true);
    const payload = new Uint8Array(8000);
    payload[12] = 5 << 4;
    return ipv4Frame("10.0.0.1", "10.0.0.2", { protocol: 6, payload, vnet });
  };
  a.send(large(2004), large(2005));
  assertEquals(transports(a), ["ud 8020"]);
  assertEquals([a.received().length, a.drops], [1, { tx_too_long: 1 }]);
  rig.check();
});

Deno.test("packets too long for a group are counted, and the first one is logged", () => {
  const { rig, a } = mixedPair();
  a.send(...Array.from({ length: 3 }, () => frameOf(3000, "239.1.1.1")));
  a.send(frameOf(3000, "255.255.255.255"));
  assertEquals([a.received(), a.drops], [[], { tx_too_long: 4 }]);
  assertEquals(
    logLines.filter((line) => line.includes("exceeds the MTU")).length,
    1,
  );
  rig.check();
});

Deno.test("the number of messages per second is limited", () => {
  const { rig, a } = mixedPair();
  for (let i = 0; i < MAX_TOO_BIG_PER_SECOND + 5; i++) a.send(frameOf(2045));
  assertEquals(a.received().length, MAX_TOO_BIG_PER_SECOND);
  assertEquals(counted(a).too_big_limited, 5);
  rig.advance(1000);
  a.send(frameOf(2045));
  assertEquals(a.received().length, 1);
  rig.check();
});

Deno.test("fragments other than the first are not answered", () => {
  const { rig, a } = mixedPair();
  const frame = frameOf(3000);
  viewOf(frame).setUint16(26 + 6, 100);
  a.send(frame);
  assertEquals([a.received(), a.drops], [[], { tx_too_long: 1 }]);
  rig.check();
});
