/** Requests for records of ports, by LID. */

import { Method } from "../../../src/wire/mad.ts";
import { SaAttribute } from "../../../src/wire/sa/sa_mad.ts";
import { MANAGER_LID, portLid } from "../fabric.ts";
import type { RequestList } from "./request_list.ts";

export function addPortRecordRequests({ add }: RequestList): void {
  const lidKey = (lid: number) => Uint8Array.of(lid >> 8, lid & 0xff);
  for (
    const [name, attributeId] of [
      ["NodeRecord", SaAttribute.NodeRecord],
      ["PortInfoRecord", SaAttribute.PortInfoRecord],
      ["P_KeyTableRecord", SaAttribute.PkeyTableRecord],
    ] as const
  ) {
    for (
      const [what, lid] of [
        ["of a port", portLid(2)],
        ["of the manager", MANAGER_LID],
        ["of an unknown LID", 77],
      ] as const
    ) {
      add(`Get(${name}) ${what}`, 1, {
        attributeId,
        componentMask: 1n,
        data: lidKey(lid),
      });
    }
    add(`Get(${name}) without a LID`, 1, { attributeId });
    add(`Set(${name})`, 1, { attributeId, method: Method.Set });
    add(`GetTable(${name}) of a port`, 1, {
      attributeId,
      method: Method.GetTable,
      componentMask: 1n,
      data: lidKey(portLid(3)),
    });
    add(`GetTable(${name}) of an unknown LID`, 1, {
      attributeId,
      method: Method.GetTable,
      componentMask: 1n,
      data: lidKey(77),
    });
  }
  for (const lid of [portLid(1), portLid(2), 77]) {
    add(`GetTable(P_KeyTableRecord) of LID ${lid} with the SM_Key`, 4, {
      smKey: 1n,
      attributeId: SaAttribute.PkeyTableRecord,
      method: Method.GetTable,
      // LID and block.
      componentMask: 3n,
      data: lidKey(lid),
    });
  }
}
