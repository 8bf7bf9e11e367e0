/** A host with many resolved neighbours, whose administrator returns paths to existing ports and refuses others. */

import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import type { LinkAddress } from "../../src/wire/link_address.ts";
import { type Host, type HostOptions, ip, ipv4Frame, Rig } from "./rig.ts";

const PREFIX = 0xfe80n << 48n;
const EINVAL = 22;
/** GUIDs of existing ports are below this. */
export const FIRST_FORGED = 0x1000_0000n;

export function portAddress(guid: bigint, qpn: number): LinkAddress {
  return { flags: 0, qpn, gid: gidFrom(PREFIX, guid) };
}

/** Returns the address of a neighbour, in 10.0.0.0/8. */
export function neighbourAddress(number: number): IpAddress {
  return IpAddress.ipv4(ip("10.0.0.0") + number);
}

/** Returns the host and a function that returns the number of queries so far. */
export function manyNeighbours(options: HostOptions = {}) {
  const rig = new Rig();
  const host = rig.host({
    address: "10.255.0.1",
    prefixLength: 8,
    ...options,
  });
  let refused = 0;
  let known = 0;
  host.sa.queryPath = ({ dgid }, now, done) => {
    const guid = new DataView(dgid.buffer).getBigUint64(8);
    if (guid < FIRST_FORGED) {
      known++;
      done({ ok: true, record: PathRecord.of({ dgid, dlid: 7 }) }, now);
    } else {
      refused++;
      done({ ok: false, status: 0x200, errno: EINVAL }, now);
    }
    return { cancel: () => {} };
  };
  const queries = () => ({ known, refused });
  return { rig, host, queries };
}

/** Creates resolved neighbours with the numbers from `first` on, each with a port of its own. */
export function addNeighbours(host: Host, count: number, first = 0): void {
  for (let i = first; i < first + count; i++) {
    const address = neighbourAddress(i);
    host.link.neighbours.onKernelRequest(address, false);
    host.link.neighbours.learn(address, portAddress(BigInt(i + 1), i), "reply");
    host.netdev.config.neighbours.set(address.w3, "REACHABLE");
  }
}

/** Sends a packet to each of these neighbours. Returns the number of packets that were sent to their ports. */
export function sendToAll(host: Host, count: number, first = 0): number {
  host.posted();
  for (let i = first; i < first + count; i++) {
    host.netdev.inject(ipv4Frame("10.255.0.1", String(neighbourAddress(i))));
    if (i % 8 === 7) host.rig.settle();
  }
  host.rig.settle();
  return host.posted().filter(({ handle }) => handle.dlid === 7).length;
}
