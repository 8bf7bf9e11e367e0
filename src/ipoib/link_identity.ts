/** What an interface is on its link: its P_Key, its queue pair's number, its port's GID. */

import type { HcaPort } from "../hca/hca.ts";
import { FULL_MEMBER } from "../base/units.ts";
import type { LinkAddress } from "../wire/link_address.ts";
import { broadcastMgid } from "../wire/mgid.ts";

export class LinkIdentity {
  /** With the full-member bit, as the driver shows it. */
  pkey = FULL_MEMBER;
  /** Position of the P_Key in the port's table, or -1 while it is not there. */
  pkeyIndex = -1;
  /** 0 while there is no queue pair. */
  qpn = 0;
  readonly #port: HcaPort;

  constructor(port: HcaPort) {
    this.#port = port;
  }

  get gid(): Uint8Array {
    return this.#port.attributes.gid;
  }

  /** The interface's own link-layer address; datagram mode only, so no flag is set. */
  get address(): LinkAddress {
    return { flags: 0, qpn: this.qpn, gid: this.gid };
  }

  get broadcastMgid(): Uint8Array {
    return broadcastMgid(this.pkey);
  }
}
