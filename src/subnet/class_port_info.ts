/** ClassPortInfo of the administrator: announces the subset of OpenSM's capabilities that is implemented. */

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

/**
 * Handles Get(ClassPortInfo). There is no redirection, and no trap destination; QPN and Q_Keys are those of QP1, as in
 * OpenSM's response.
 */
export function classPortInfo(): Answer {
  const info = ClassPortInfo.emit({
    classVersion: SA_CLASS_VERSION,
    capabilityMask: SA_CAP_UD_MULTICAST | SA_CAP_PORT_INFO_CAPMASK_MATCH,
    capabilityMask2: SA_CAP2_FULL_PORT_INFO | SA_CAP2_SENDONLY_FULL_MEMBER,
    respTimeValue: RESP_TIME_EXPONENT,
    redirectQpn: GSI_QPN,
    redirectQkey: GSI_QKEY,
    trapQkey: GSI_QKEY,
  });
  return { records: [info], stride: 0 };
}
