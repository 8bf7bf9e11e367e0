/** Fuzz targets of the kernel's rtnetlink messages and of /proc/net/igmp. */

import { assert } from "@std/assert";
import { parseIgmp } from "../../../src/netdev/memberships/proc_memberships.ts";
import { parseAddress } from "../../../src/netdev/rtnetlink/address.ts";
import { parseKernelAddress } from "../../../src/netdev/rtnetlink/address_dump.ts";
import { parseLink } from "../../../src/netdev/rtnetlink/link_message.ts";
import {
  attributeLength,
  Attributes,
  findAttribute,
  type NetlinkMessage,
  parseMessages,
} from "../../../src/netdev/rtnetlink/message.ts";
import { parseMembership } from "../../../src/netdev/rtnetlink/multicast.ts";
import { parseNeighbour } from "../../../src/netdev/rtnetlink/neighbour.ts";
import { parseNexthop } from "../../../src/netdev/rtnetlink/nexthop.ts";
import { parseRouteAnswer } from "../../../src/netdev/rtnetlink/route_answer.ts";
import { parserTarget } from "./target.ts";

const PARSERS = [
  parseLink,
  parseAddress,
  (message: NetlinkMessage) => parseKernelAddress(message, 2),
  parseNeighbour,
  parseMembership,
  parseRouteAnswer,
  parseNexthop,
] as const;
const ATTRIBUTES = 40;

function netlink(bytes: Uint8Array): boolean {
  let accepted = false;
  for (const message of parseMessages(bytes)) {
    const { body } = message;
    assert(body.byteLength <= bytes.length);
    for (const parse of PARSERS) {
      if (parse(message) !== undefined) accepted = true;
    }
    for (const offset of [0, 8, 12, 16]) {
      if (offset > body.byteLength) continue;
      const attributes = new Attributes(body, offset);
      for (let type = 0; type < ATTRIBUTES; type++) {
        const at = findAttribute(body, offset, type);
        // Both lookups find a type or neither does, even if the type occurs twice.
        assert((at >= 0) === (attributes.get(type) !== undefined));
        if (at >= 0) assert(at + attributeLength(body, at) <= body.byteLength);
      }
    }
  }
  return accepted;
}

const decoder = new TextDecoder();

function igmp(bytes: Uint8Array): boolean {
  return parseIgmp(decoder.decode(bytes), 3).size > 0;
}

export const netlinkTargets = [
  parserTarget("netlink", "bytes", netlink),
  parserTarget("proc_igmp", "text", igmp),
];
