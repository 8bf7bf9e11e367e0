/** Constants of the embedded subnet. */

import type { IbMtuCode } from "../base/units.ts";

/** Link of every port: four lanes of 25 Gb/s (EDR), rate code 16. */
export const LINK = { rateCode: 16, width: 4, laneMbps: 25_000 } as const;
/** RespTimeValue of the administrator and of the ports: 4.096 us times 2 to this power, 268 ms (as OpenSM). */
export const RESP_TIME_EXPONENT = 16;
/** SM_Key, the default of OpenSM and its tools. A request with this SM_Key is trusted. */
export const SM_KEY = 1n;
/** Code of the MTU if neither the manager's options nor the first port specify it: 4, which is 2048 bytes. */
export const DEFAULT_MTU_CODE = 4 as IbMtuCode;
/** Maximum number of groups of a port: a quarter of the multicast LIDs, so that no port exhausts them. */
export const MAX_GROUPS_PER_PORT = 4096;
/**
 * Maximum number of ports: as many as can have a link to one port (hca/soft/incoming_links.ts). Each port has a
 * connection to the manager, and the forwarding tables with all others, about 300 bytes each.
 */
export const MAX_PORTS = 8192;
