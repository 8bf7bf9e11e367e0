/**
 * Nexthop objects (`ip nexthop`), which contain the legs of the routes that refer to them.
 *
 * The body of RTM_GETNEXTHOP and its reply is a struct nhmsg (8 bytes, `linux/nexthop.h`): family u8, scope u8,
 * protocol u8, pad u8, flags u32. A group has NHA_GROUP, an array of struct nexthop_grp (8 bytes): id u32, low byte of
 * weight - 1 u8, its high byte u8, pad u16.
 */

import { Attributes, MessageBuilder, type NetlinkMessage } from "./message.ts";
import { type AnswerLeg, RTNH_F_DEAD } from "./route_answer.ts";
import type { RequestSocket } from "./socket.ts";

const RTM_NEWNEXTHOP = 104;
const RTM_GETNEXTHOP = 106;
const NHMSG_LENGTH = 8;
const NHA_ID = 1;
const NHA_GROUP = 2;
const NHA_OIF = 5;
const NHA_GATEWAY = 6;
const GROUP_ENTRY_LENGTH = 8;

/** A member of a group. */
export interface GroupMember {
  readonly id: number;
  readonly weight: number;
}

/** A nexthop object: the members of a group, or one leg of weight 1. A blackhole has neither. */
export interface Nexthop {
  readonly members: readonly GroupMember[];
  readonly leg: AnswerLeg | undefined;
}

/** Parses a nexthop message. Returns undefined if it is malformed or of another type. */
export function parseNexthop(message: NetlinkMessage): Nexthop | undefined {
  const { body } = message;
  if (message.type !== RTM_NEWNEXTHOP || body.byteLength < NHMSG_LENGTH) {
    return undefined;
  }
  const attributes = new Attributes(body, NHMSG_LENGTH);
  const group = attributes.get(NHA_GROUP);
  if (group) return { members: parseGroup(group), leg: undefined };
  const ifindex = attributes.u32(NHA_OIF);
  const gateway = attributes.address(NHA_GATEWAY);
  if (
    ifindex === undefined || (!gateway && attributes.get(NHA_GATEWAY))
  ) {
    return { members: [], leg: undefined };
  }
  const dead = (body.getUint32(4, true) & RTNH_F_DEAD) !== 0;
  return { members: [], leg: { ifindex, gateway, weight: 1, dead } };
}

function parseGroup(value: DataView): GroupMember[] {
  const count = Math.floor(value.byteLength / GROUP_ENTRY_LENGTH);
  return Array.from({ length: count }, (_, i) => {
    const at = GROUP_ENTRY_LENGTH * i;
    return {
      id: value.getUint32(at, true),
      weight: value.getUint16(at + 4, true) + 1,
    };
  });
}

function read(socket: RequestSocket, id: number): Nexthop | undefined {
  let found: Nexthop | undefined;
  const request = new MessageBuilder(RTM_GETNEXTHOP)
    .u8(0).u8(0).u8(0).u8(0).u32(0).attributeU32(NHA_ID, id);
  socket.exchange(request, (message) => {
    found = parseNexthop(message);
  });
  return found;
}

/** Reads the legs of nexthop object `id`, or of its members if it is a group. Groups cannot be nested. */
export function nexthopLegs(socket: RequestSocket, id: number): AnswerLeg[] {
  const nexthop = read(socket, id);
  if (nexthop?.leg) return [nexthop.leg];
  return (nexthop?.members ?? []).flatMap(({ id, weight }) => {
    const leg = read(socket, id)?.leg;
    return leg ? [{ ...leg, weight }] : [];
  });
}
