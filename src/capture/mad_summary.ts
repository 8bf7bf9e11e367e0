/** Summary of a MAD. */

import { hex } from "../base/hex.ts";
import { formatRate } from "../base/rates.ts";
import { formatMtuCode } from "../base/units.ts";
import { CmAttribute } from "../wire/cm/cm_mad.ts";
import {
  formatMadStatus,
  MadStatus,
  MadView,
  Method,
  MgmtClass,
} from "../wire/mad.ts";
import { formatGid } from "../wire/gid.ts";
import { McMemberRecord } from "../wire/sa/mc_member_record.ts";
import { SA_DATA_OFFSET, SaAttribute } from "../wire/sa/sa_mad.ts";

/** Returns the name of the member with this value, or the value. */
function nameOf(names: Readonly<Record<string, number>>, value: number) {
  return Object.keys(names).find((name) => names[name] === value) ??
    hex(value, 0);
}

/** Describes the MAD at offset `at`. */
export function summariseMad(view: DataView, at: number): string {
  const mad = new MadView(view, at);
  const { mgmtClass, attributeId, status } = mad;
  if (mgmtClass === MgmtClass.CommunicationManagement) {
    return `CM ${nameOf(CmAttribute, attributeId).toUpperCase()}`;
  }
  const kind = mgmtClass === MgmtClass.SubnAdm
    ? `SA ${nameOf(Method, mad.method)} ${
      nameOf(SaAttribute, attributeId).replace(/^Mc/, "MC")
    }${attributeId === SaAttribute.McMemberRecord ? group(mad, view, at) : ""}`
    : `MAD class ${hex(mgmtClass, 2)} ${nameOf(Method, mad.method)} ${
      hex(attributeId, 4)
    }`;
  return status === MadStatus.Ok
    ? kind
    : `${kind}, status ${formatMadStatus(status)}`;
}

/**
 * Returns the MGID of the group that an MCMemberRecord is about; in the reply to a query or a join, also what the port
 * must support to join it. Returns nothing if the capture has cut the record off.
 */
function group({ method, status }: MadView, view: DataView, at: number) {
  const start = view.byteOffset + at + SA_DATA_OFFSET;
  const length = Math.max(0, view.byteLength - at - SA_DATA_OFFSET);
  const record = McMemberRecord.parse(
    new Uint8Array(view.buffer, start, length),
  );
  if (!record) return "";
  const mgid = ` ${formatGid(record.mgid)}`;
  if (method !== Method.GetResp || status !== MadStatus.Ok) return mgid;
  return `${mgid} mtu ${formatMtuCode(record.mtu)} rate ${
    formatRate(record.rate)
  } Q_Key ${hex(record.qkey, 8)}`;
}
