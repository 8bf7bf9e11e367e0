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

/** Answers Get(ClassPortInfo). No redirection and no traps; QPN and Q_Key are those of QP1, as in OpenSM's answer. */
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
