/** Group joins for tests without an engine. */

import type { SoftPort } from "../../../src/hca/soft/port.ts";
import { openSaClient } from "../../../src/ipoib/open_sa_client.ts";
import { broadcastJoin } from "../../../src/sa/requests.ts";
import { broadcastMgid } from "../../../src/wire/mgid.ts";
import type { McMemberRecord } from "../../../src/wire/sa/mc_member_record.ts";
import type { Subnet } from "./subnet.ts";

const MGID = broadcastMgid(0xffff);

/** Joins the broadcast group of the default partition. */
export function join(subnet: Subnet, port: SoftPort): McMemberRecord {
  let record: McMemberRecord | undefined;
  const { reactor } = subnet;
  const { sa, close } = openSaClient(reactor, port);
  const request = broadcastJoin(MGID, port.attributes.gid, 0xffff);
  sa.join(request, reactor.clock.now(), (result) => {
    if (result.ok) record = result.record;
  });
  subnet.until(() => record !== undefined, "the join");
  close();
  return record!;
}
