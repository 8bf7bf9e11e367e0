/** Probes for other hosts with an address of the interface, and the conflicts that their replies show. */

import { assertEquals } from "@std/assert";
import { ArpOperation } from "../../../src/wire/arp.ts";
import {
  isUnspecified,
  solicitedNodeGroup,
} from "../../../src/wire/ipv6_address.ts";
import { NdType, parseNd } from "../../../src/wire/neighbour_discovery.ts";
import { ipAddress } from "../../wire/support.ts";
import { type Host, ip, Rig } from "../rig.ts";
import { A, hosts } from "./kernel_nd.ts";

const OWN = "10.0.0.1";

/** Sends the reply of `other` for an address of `host`. */
function claim(host: Host, other: Host): void {
  host.receiveArp(other, {
    operation: ArpOperation.Reply,
    senderAddress: other.address,
    senderIp: ip(OWN),
    targetAddress: host.address,
    targetIp: 0,
  });
}

Deno.test("an ARP probe has the sender address 0, and no neighbour entry follows the reply", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  rig.advance(2000);
  a.arps();
  a.link.probeAddresses();
  rig.settle();
  assertEquals(
    a.arps().map(({ operation, senderIp, targetIp }) => [
      operation,
      senderIp,
      targetIp,
    ]),
    [[ArpOperation.Request, 0, ip(OWN)]],
  );
  claim(a, b);
  assertEquals(a.neighbour(OWN), undefined);
  rig.check();
});

Deno.test("a conflict is listed with the link-layer address of the other host, if it was seen late enough", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const now = () => rig.reactor.clock.now();
  const begin = now();
  assertEquals(a.link.conflictsSince(begin), []);
  claim(a, b);
  const [conflict, ...others] = a.link.conflictsSince(begin);
  assertEquals([`${conflict?.address}`, others], [OWN, []]);
  assertEquals(conflict?.other.gid, b.address.gid);
  rig.advance(1000);
  assertEquals(a.link.conflictsSince(now()), []);
  claim(a, b);
  assertEquals(a.link.conflictsSince(now()).length, 1);
});

Deno.test("a probe for an IPv6 address is a solicitation from the unspecified address, without option", () => {
  const { rig, a } = hosts();
  const address = ipAddress(A);
  rig.advance(5000);
  a.posted();
  a.link.probeAddresses();
  rig.settle();
  const messages = a.posted().map(({ payload }) => {
    const view = new DataView(
      payload.buffer,
      payload.byteOffset,
      payload.length,
    );
    return { length: payload.length, nd: parseNd(view, 0, payload.length) };
  });
  const probe = messages.find(({ nd }) =>
    nd?.type === NdType.NeighbourSolicitation && nd.target.equals(address)
  );
  assertEquals(probe?.length, 64);
  assertEquals(isUnspecified(probe!.nd!.source), true);
  assertEquals(
    probe?.nd?.destination.equals(solicitedNodeGroup(address)),
    true,
  );
  assertEquals(probe?.nd?.linkAddress, undefined);
  rig.check();
});
