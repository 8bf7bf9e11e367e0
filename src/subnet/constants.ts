/** What is the same in every embedded subnet. */

import type { IbMtuCode } from "../base/units.ts";

/** Every link of the subnet: four lanes of 25 Gb/s (EDR), rate code 16. */
export const LINK = { rateCode: 16, width: 4, laneMbps: 25_000 } as const;
/** RespTimeValue of the administrator and of ports: 4.096 us times 2 to this power (OpenSM: 268 ms). */
export const RESP_TIME_EXPONENT = 16;
/** SM_Key that OpenSM and its tools have without configuration: who sends it is trusted. */
export const SM_KEY = 1n;
/** MTU of a subnet whose first port does not ask for another: code 4, 2048 bytes. */
export const DEFAULT_MTU_CODE = 4 as IbMtuCode;
/** Groups that one port may be a member of: a quarter of the multicast LIDs, so that no port takes all of them. */
export const MAX_GROUPS_PER_PORT = 4096;
/** Ports of a subnet. */
export const MAX_PORTS = 4096;
