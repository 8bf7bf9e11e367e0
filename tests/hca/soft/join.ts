/** Joining by hand. */

import type { SoftPort } from "../../../src/hca/soft/port.ts";
import { SaClient } from "../../../src/sa/client.ts";
import { broadcastJoin } from "../../../src/sa/requests.ts";
import { MgmtClass } from "../../../src/wire/mad.ts";
import { broadcastMgid } from "../../../src/wire/mgid.ts";
import type { McMemberRecord } from "../../../src/wire/sa/mc_member_record.ts";
import type { Subnet } from "./subnet.ts";

const MGID = broadcastMgid(0xffff);

/** Joins the broadcast group of the default partition. */
export function join(subnet: Subnet, port: SoftPort): McMemberRecord {
  let record: McMemberRecord | undefined;
  const agent = port.openMadAgent(MgmtClass.SubnAdm);
  const sa = new SaClient({
    agent,
    location: () => ({ smLid: port.attributes.smLid, smSl: 0, pkeyIndex: 0 }),
  });
  agent.onMad = (mad, from) => sa.onMad(mad, from, 0);
  const request = broadcastJoin(MGID, port.attributes.gid, 0xffff);
  sa.join(request, 0, (result) => {
    if (result.ok) record = result.record;
  });
  subnet.until(() => record !== undefined, "the join");
  agent.close();
  return record!;
}
