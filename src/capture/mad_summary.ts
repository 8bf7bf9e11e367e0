/** Summary of a MAD. */

import { hex } from "../base/hex.ts";
import { CmAttribute } from "../wire/cm/cm_mad.ts";
import {
  formatMadStatus,
  MadStatus,
  MadView,
  Method,
  MgmtClass,
} from "../wire/mad.ts";
import { SaAttribute } from "../wire/sa/sa_mad.ts";

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
    }`
    : `MAD class ${hex(mgmtClass, 2)} ${nameOf(Method, mad.method)} ${
      hex(attributeId, 4)
    }`;
  return status === MadStatus.Ok
    ? kind
    : `${kind}, status ${formatMadStatus(status)}`;
}
