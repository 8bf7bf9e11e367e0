/** Builds the messages that the manager sends to a newly registered port. */

import { formatGuid } from "../base/hex.ts";
import { fabricUpdate, wholeFabric } from "./fabric_journal.ts";
import { type ManagerMessage, PROTOCOL_VERSION } from "./messages.ts";
import { SM_LID, type SubnetPort } from "./ports.ts";
import { LINK } from "./constants.ts";
import type { Subnet } from "./subnet.ts";

/**
 * Returns the welcome, with the first part of the forwarding tables, and fabric updates with the rest. A port that is
 * down receives empty tables.
 */
export function welcomeMessages(
  subnet: Subnet,
  port: SubnetPort,
): ManagerMessage[] {
  const [first, ...rest] = (port.active ? wholeFabric(subnet) : [])
    .map((change) => fabricUpdate(change, port));
  return [{
    type: "welcome",
    version: PROTOCOL_VERSION,
    guid: formatGuid(port.guid),
    lid: port.lid,
    smLid: SM_LID,
    smSl: 0,
    down: !port.active,
    subnetPrefix: formatGuid(subnet.prefix),
    pkeys: [...port.pkeys],
    mtuCode: subnet.mtuCode,
    ...LINK,
    fabric: {
      ports: first?.portsAdded ?? [],
      groups: first?.groupsChanged ?? [],
    },
  }, ...rest];
}
