/** Identity of an interface on its link: P_Key, QPN and port GID. */

import type { HcaPort } from "../hca/hca.ts";
import { FULL_MEMBER } from "../base/units.ts";
import { type LinkAddress, LinkFlag } from "../wire/link_address.ts";
import { broadcastMgid } from "../wire/mgid.ts";

export class LinkIdentity {
  /** P_Key with the full-member bit set, as ib_ipoib shows it. */
  pkey = FULL_MEMBER;
  /** Index of the P_Key in the port's P_Key table; -1 if the table lacks it. */
  pkeyIndex = -1;
  /** QPN of the queue pair; 0 if there is none. */
  qpn = 0;
  readonly #port: HcaPort;

  constructor(port: HcaPort) {
    this.#port = port;
  }

  /** True if the entry of the P_Key in the port's table lacks the full-member bit. */
  get isLimited(): boolean {
    const entry = this.#port.attributes.pkeys[this.pkeyIndex];
    return entry !== undefined && (entry & FULL_MEMBER) === 0;
  }

  /** GID of the port, 16 bytes. */
  get gid(): Uint8Array {
    return this.#port.attributes.gid;
  }

  /**
   * Link-layer address of the interface. As in ib_ipoib, the flag of RC is set in both modes if the port has connection
   * management.
   */
  get address(): LinkAddress {
    const { gid, capabilities } = this.#port.attributes;
    const flags = capabilities.connectionManagement === true ? LinkFlag.Rc : 0;
    return { flags, qpn: this.qpn, gid };
  }

  /** MGID of the broadcast group, 16 bytes. */
  get broadcastMgid(): Uint8Array {
    return broadcastMgid(this.pkey);
  }
}
