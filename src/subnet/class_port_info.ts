/** What the administrator says that it can do: of OpenSM's capabilities those that are here. */

import { GSI_QKEY, GSI_QPN } from "../wire/mad.ts";
import {
  ClassPortInfo,
  SA_CAP2_FULL_PORT_INFO,
  SA_CAP2_SENDONLY_FULL_MEMBER,
  SA_CAP_PORT_INFO_CAPMASK_MATCH,
  SA_CAP_UD_MULTICAST,
} from "../wire/sa/class_port_info.ts";
import { SA_CLASS_VERSION } from "../wire/sa/sa_mad.ts";
import type { Answer } from "./answer.ts";
import { RESP_TIME_EXPONENT } from "./constants.ts";

/** Offsets in the addresses: nobody is redirected, nobody traps, but QP and Q_Key are those of QP1, as OpenSM's. */
const REDIRECT_QP = 24;
const REDIRECT_QKEY = 28;
const TRAP_QKEY = 60;
const ADDRESSES_LENGTH = 64;

/** Get(ClassPortInfo). */
export function classPortInfo(): Answer {
  const addresses = new Uint8Array(ADDRESSES_LENGTH);
  const view = new DataView(addresses.buffer);
  view.setUint32(REDIRECT_QP, GSI_QPN);
  view.setUint32(REDIRECT_QKEY, GSI_QKEY);
  view.setUint32(TRAP_QKEY, GSI_QKEY);
  const info = ClassPortInfo.emit({
    classVersion: SA_CLASS_VERSION,
    capabilityMask: SA_CAP_UD_MULTICAST | SA_CAP_PORT_INFO_CAPMASK_MATCH,
    capabilityMask2: SA_CAP2_FULL_PORT_INFO | SA_CAP2_SENDONLY_FULL_MEMBER,
    respTimeValue: RESP_TIME_EXPONENT,
    addresses,
  });
  return { records: [info], stride: 0 };
}
