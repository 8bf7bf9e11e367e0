/** Hosts in connected mode, and packets of given lengths. */

import { assert } from "@std/assert";
import type { FakeRcQp } from "../../../src/hca/fake_rc_qp.ts";
import type { PostedPacket } from "../../../src/hca/fake.ts";
import type { ActiveConnection } from "../../../src/ipoib/connected/active_connection.ts";
import { type Host, type HostOptions, ipv4Frame, Rig } from "../rig.ts";

const IPV4_HEADER = 20;

/** Returns a frame with an IPv4 packet of `length` bytes. */
export function frameOf(
  length: number,
  to = "10.0.0.2",
  from = "10.0.0.1",
): Uint8Array {
  return ipv4Frame(from, to, {
    payload: new Uint8Array(length - IPV4_HEADER).fill(length),
  });
}

/** Sends a packet of `length` bytes from one host, 10.0.0.1, to another; returns whether it arrives within a second. */
export function reaches(from: Host, to: Host, length = 100): boolean {
  to.received();
  from.send(frameOf(length));
  from.rig.advance(1000);
  return to.received().some((packet) => packet.length === length);
}

/** Two hosts in connected mode, 10.0.0.1 and 10.0.0.2. */
export function connectedPair(
  options: HostOptions = {},
): { rig: Rig; a: Host; b: Host } {
  const rig = new Rig();
  const [a, b] = rig.pair({ connections: true, mode: "connected", ...options });
  return { rig, a, b };
}

/** Returns the connection of a host to its neighbour `address`. */
export function connectionOf(
  host: Host,
  address = "10.0.0.2",
): ActiveConnection {
  const peer = host.neighbour(address)?.peer;
  assert(peer);
  const active = host.link.connected.active!.find(peer);
  assert(active);
  return active;
}

/** Returns the only RC queue pair of a host. */
export function rcQp(host: Host): FakeRcQp {
  const [qp, ...others] = host.port.rcQps.values();
  assert(qp && others.length === 0, "not one RC queue pair");
  return qp as FakeRcQp;
}

/** Returns the transport of each IPv4 packet that the host has posted since the last call, with its length. */
export function transports(host: Host): string[] {
  return host.posted().filter(isIpv4).map(({ connection, payload }) =>
    `${connection ? "rc" : "ud"} ${payload.length}`
  );
}

function isIpv4({ encap }: PostedPacket): boolean {
  return encap >>> 16 === 0x0800;
}

/** Returns the nonzero counters of connections. */
export function counted(host: Host): Record<string, number> {
  return Object.fromEntries(
    Object.entries(host.link.statistics.connections.snapshot()).filter((
      [, count],
    ) => count > 0),
  );
}
