/**
 * Rules of policy routing: whether any looks at protocols or ports (RTM_GETRULE).
 *
 * Body: struct fib_rule_hdr (12 bytes), whose first byte is the family (linux/fib_rules.h).
 */

import { AF_INET } from "./address.ts";
import { Attributes, MessageBuilder, NLM_F_DUMP } from "./message.ts";
import type { RequestSocket } from "./socket.ts";

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
const RTM_GETRULE = 34;

const RULE_LENGTH = 12;
const FRA_IP_PROTO = 22;
const FRA_SPORT_RANGE = 23;
const FRA_DPORT_RANGE = 24;

/** True if a rule for IPv4 looks at protocols or ports, or the kernel does not tell its rules. */
export function rulesLookAtPorts(socket: RequestSocket): boolean {
  let looks = false;
  const refused = socket.exchange(
    new MessageBuilder(RTM_GETRULE, NLM_F_DUMP)
      .u8(AF_INET).u8(0).u8(0).u8(0).u32(0).u32(0),
    ({ type, body }) => {
      if (type !== RTM_NEWRULE || body.byteLength < RULE_LENGTH) return;
      const attributes = new Attributes(body, RULE_LENGTH);
      for (const each of [FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE]) {
        if (attributes.get(each)) looks = true;
      }
    },
  );
  return looks || refused !== undefined;
}
