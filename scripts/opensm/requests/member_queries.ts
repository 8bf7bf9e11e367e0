/** Queries with the SM_Key, which OpenSM answers with the members of a group. */

import { Method } from "../../../src/wire/mad.ts";
import {
  McMask,
  McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";
import { SaAttribute } from "../../../src/wire/sa/sa_mad.ts";
import { portGid } from "../fabric.ts";
import { ipv4Group, LINK_ONE } from "./addresses.ts";
import type { RequestList } from "./request_list.ts";

export function addMemberQueries({ add }: RequestList): void {
  add("members with the SM_Key", 2, {
    smKey: 1n,
    method: Method.GetTable,
    attributeId: SaAttribute.McMemberRecord,
    componentMask: McMask.Mgid,
    data: McMemberRecord.emit(McMemberRecord.of({ mgid: ipv4Group(1) })),
  });
  add("one member with the SM_Key", 2, {
    smKey: 1n,
    attributeId: SaAttribute.McMemberRecord,
    componentMask: McMask.Mgid | McMask.PortGid,
    data: McMemberRecord.emit(
      McMemberRecord.of({ mgid: LINK_ONE, portGid: portGid(3) }),
    ),
  });
}
