/**
 * Checks whether policy routing rules match protocols or ports (RTM_GETRULE).
 *
 * The body is a struct fib_rule_hdr (12 bytes, `linux/fib_rules.h`). Its first byte is the family.
 */

import { AF_UNSPEC } from "./address.ts";
import { Attributes, MessageBuilder, NLM_F_DUMP } from "./message.ts";
import type { RequestSocket } from "./socket.ts";

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
const RTM_GETRULE = 34;

const RULE_LENGTH = 12;
const FRA_IP_PROTO = 22;
const FRA_SPORT_RANGE = 23;
const FRA_DPORT_RANGE = 24;

/** Returns true if a rule of either family matches protocols or ports, or if the rules cannot be read. */
export function rulesMatchPorts(socket: RequestSocket): boolean {
  let matches = false;
  const refused = socket.exchange(
    new MessageBuilder(RTM_GETRULE, NLM_F_DUMP)
      .u8(AF_UNSPEC).u8(0).u8(0).u8(0).u32(0).u32(0),
    ({ type, body }) => {
      if (type !== RTM_NEWRULE || body.byteLength < RULE_LENGTH) return;
      const attributes = new Attributes(body, RULE_LENGTH);
      for (const each of [FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE]) {
        if (attributes.get(each)) matches = true;
      }
    },
  );
  return matches || refused !== undefined;
}
