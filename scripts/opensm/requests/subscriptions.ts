/** Subscriptions to traps, and Gets of InformInfo, Notice and MultiPathRecord. */

import { SaAttribute } from "../../../src/wire/sa/sa_mad.ts";
import { portGid, portLid } from "../fabric.ts";
import { UNKNOWN_GID } from "./addresses.ts";
import type { RequestList } from "./request_list.ts";

export function addSubscriptions({ add, inform }: RequestList): void {
  inform("subscribe to trap 66", {});
  inform("subscribe again", {});
  inform("subscribe to all traps", {}, 0xffff);
  inform("subscribe to a LID", { lidRangeBegin: portLid(2) });
  inform("subscribe to an unknown LID", { lidRangeBegin: 0x7777 });
  inform("subscribe to a GID", { gid: portGid(2) });
  inform("subscribe to an unknown GID", { gid: UNKNOWN_GID });
  inform("cancel a subscription", { subscribe: false });
  inform("cancel the subscription again", { subscribe: false });
  inform("cancel a subscription that does not exist", { subscribe: false }, 67);
  add("Get(InformInfo)", 1, { attributeId: SaAttribute.InformInfo });
  add("Get(Notice)", 1, { attributeId: SaAttribute.Notice });
  add("Get(MultiPathRecord)", 1, { attributeId: SaAttribute.MultiPathRecord });
}
