/** Unicast solicitations, whose replies have no link-layer address, for neighbours that are not resolved. */

import { assertEquals } from "@std/assert";
import { EthernetKind, ethernetKind } from "../../../src/wire/ethernet.ts";
import {
  NaFlag,
  NdType,
  parseNd,
} from "../../../src/wire/neighbour_discovery.ts";
import { VNET_HEADER_LENGTH } from "../../../src/wire/vnet.ts";
import { hex, ipAddress, viewOf } from "../../wire/support.ts";
import type { Host } from "../rig.ts";
import { transmit } from "./kernel_arp.ts";
import {
  A,
  B,
  deliver,
  deviceMessage,
  frameOf,
  hosts,
  kernelFrame,
  resolve,
} from "./kernel_nd.ts";

const REPLY = {
  type: NdType.NeighbourAdvertisement,
  source: B,
  destination: A,
  flags: NaFlag.Solicited,
};
const UDP = hex(
  `60000000 0008 11 40 fe80000000000000000000000000000a
   fe80000000000000000000000000000b 0009 0009 0008 0000`,
);

/** Makes the kernel of a host send a solicitation to the group of B for each request to resolve; returns the requests. */
function followRequests({ netdev }: Host): string[] {
  const requests: string[] = [];
  netdev.config.neighbours.resolve = (address) => {
    requests.push(`${address}`);
    netdev.inject(kernelFrame({}));
    return true;
  };
  return requests;
}

/** Returns the types of the neighbour discovery messages that reached the kernel, oldest first. */
function receivedTypes(host: Host): (number | undefined)[] {
  return host.received().map((each) =>
    parseNd(viewOf(each), 0, each.length)?.type
  );
}

Deno.test("a unicast probe of a neighbour without an entry makes the kernel resolve it, and packets arrive", () => {
  const { rig, a, b } = hosts();
  const requests = followRequests(a);
  transmit(a, kernelFrame({ destination: B }));
  // The other kernel replies to the probe and to the solicitation of its group.
  transmit(b, kernelFrame(REPLY), kernelFrame(REPLY));
  assertEquals(requests, [B]);
  assertEquals(a.link.neighbours.find(ipAddress(B))?.peer?.address, b.address);
  b.received();
  transmit(a, frameOf(UDP));
  assertEquals([b.received(), a.link.waiting], [[UDP], 0]);
  rig.check();
});

Deno.test("a packet after an unanswered unicast probe makes the kernel resolve the neighbour again", () => {
  const { rig, a, b } = hosts();
  rig.fabric.lose = () => true;
  const requests: string[] = [];
  a.netdev.config.neighbours.resolve = (address) => {
    requests.push(`${address}`);
    return true;
  };
  transmit(a, kernelFrame({ destination: B }));
  rig.advance(1000);
  transmit(a, frameOf(UDP));
  assertEquals(requests, [B, B]);
  rig.fabric.lose = () => false;
  resolve({ a, b });
  assertEquals([b.received().at(-1), a.link.waiting], [UDP, 0]);
  rig.check();
});

Deno.test("an advertisement without link-layer address does not reach the kernel while the neighbour is unresolved", () => {
  const { rig, a, b } = hosts();
  transmit(a, kernelFrame({}));
  deliver(a, b, deviceMessage(REPLY));
  assertEquals(receivedTypes(a), []);
  resolve({ a, b });
  assertEquals(receivedTypes(a), [NdType.NeighbourAdvertisement]);
  deliver(a, b, deviceMessage(REPLY));
  assertEquals(receivedTypes(a), [NdType.NeighbourAdvertisement]);
  rig.check();
});

Deno.test("the reply to a unicast solicitation that arrived through a group has the link-layer address", () => {
  const { rig, a, b } = hosts();
  a.netdev.config.neighbours.resolve = () => true;
  transmit(a, kernelFrame({ destination: B }));
  transmit(b, kernelFrame(REPLY));
  assertEquals(a.link.neighbours.find(ipAddress(B))?.peer?.address, b.address);
  rig.check();
});

Deno.test("a unicast message that arrives through a group is passed to the kernel as broadcast, so that it is not forwarded", () => {
  const { rig, a, b } = hosts();
  const probe = kernelFrame({ destination: B });
  const kinds = () =>
    b.netdev.takeWritten().map((frame) =>
      ethernetKind(viewOf(frame), VNET_HEADER_LENGTH)
    );
  a.netdev.config.neighbours.resolve = () => true;
  transmit(a, probe);
  assertEquals(kinds(), [EthernetKind.Broadcast]);
  transmit(a, kernelFrame({}));
  assertEquals(kinds(), [EthernetKind.Multicast]);
  resolve({ a, b });
  kinds();
  transmit(a, probe);
  assertEquals(kinds(), [EthernetKind.Host]);
  rig.check();
});
