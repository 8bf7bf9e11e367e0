/** The fabric of the recordings (scripts/opensm/fabric.ts) with the embedded manager instead of OpenSM. */

import { formatGuid } from "../../src/base/hex.ts";
import { MANAGER_GUID, portGuid, PORTS } from "../../scripts/opensm/fabric.ts";
import type { Partition } from "../../src/subnet/partitions.ts";
import { gsiAddress } from "../../src/wire/mad.ts";
import { Rig, type RigPort } from "./rig.ts";

export class RecordedFabric {
  readonly rig: Rig;
  readonly #ports = new Map<number, RigPort>();

  constructor(partitions?: readonly Partition[]) {
    this.rig = new Rig({
      manager: { guid: MANAGER_GUID, pid: 1, host: "testhost", name: "sm" },
      ...(partitions ? { partitions } : {}),
    });
    for (const n of PORTS) {
      this.#ports.set(n, this.rig.join(n, { guid: formatGuid(portGuid(n)) }));
    }
  }

  port(n: number): RigPort {
    return this.#ports.get(n)!;
  }

  /** Sends a MAD from the n-th port to the manager and returns the response, or undefined if there is none. */
  exchange(n: number, mad: Uint8Array): Uint8Array | undefined {
    const port = this.port(n);
    const before = port.mads.length;
    const pkeyIndex = port.welcome.pkeys.findIndex((pkey) =>
      (pkey & 0x7fff) === 0x7fff
    );
    port.sendMad(mad, gsiAddress(1, pkeyIndex));
    this.rig.pump();
    return port.mads[before]?.mad;
  }
}
