/** Queries of groups and their members. */

import { Method } from "../../../src/wire/mad.ts";
import { McMask } from "../../../src/wire/sa/mc_member_record.ts";
import { BROADCAST, ipv4Group, LINK_TWO } from "./addresses.ts";
import { MTU, RATE } from "./member_masks.ts";
import type { RequestList } from "./request_list.ts";

export function addGroupQueries({ query }: RequestList): void {
  query("group by MGID", 1, McMask.Mgid, { mgid: BROADCAST });
  query("group by MLID", 1, McMask.Mlid, { mlid: 0xc111 });
  query("group by MGID and port", 1, McMask.Mgid | McMask.PortGid, {
    mgid: ipv4Group(1),
  });
  query(
    "group by MGID and a port that is not a member",
    4,
    McMask.Mgid | McMask.PortGid,
    {
      mgid: ipv4Group(1),
    },
  );
  query("unknown group", 1, McMask.Mgid, { mgid: ipv4Group(0x77) });
  query("group in a partition without membership", 4, McMask.Mgid, {
    mgid: LINK_TWO,
  });
  query("group of a partition, queried by a limited member", 2, McMask.Mgid, {
    mgid: LINK_TWO,
  });
  query("Get that matches more than one group", 1, 0n, {});
  query("groups by P_Key", 2, McMask.Pkey, { pkey: 0x8001 }, Method.GetTable);
  query("groups by a limited P_Key", 2, McMask.Pkey, {
    pkey: 0x0001,
  }, Method.GetTable);
  query(
    "groups of an unused Q_Key",
    1,
    McMask.Qkey,
    { qkey: 0x9999 },
    Method.GetTable,
  );
  query("groups of a Q_Key", 1, McMask.Qkey, {
    qkey: 0x1234,
  }, Method.GetTable);
  query("groups of a port", 3, McMask.PortGid, {}, Method.GetTable);
  query("groups of a join state", 2, McMask.PortGid | McMask.JoinState, {
    joinState: 1,
  }, Method.GetTable);
  query("groups of a wide scope", 1, McMask.Scope, {
    scope: 5,
  }, Method.GetTable);
  query("groups of MTU less than 512", 1, MTU, {
    mtuSelector: 1,
    mtu: 2,
  }, Method.GetTable);
  query("groups of rate exactly 40", 1, RATE, {
    rateSelector: 2,
    rate: 7,
  }, Method.GetTable);
  query("groups of an undefined MTU", 1, MTU, {
    mtuSelector: 2,
    mtu: 9,
  }, Method.GetTable);
  query("GetMulti of groups", 1, 0n, {}, Method.GetMulti);
}
