/** A fake device with one port, for tests of the queries of its attributes. */

import { IbvPortAttr } from "../../../ffi/verbs_layout.ts";
import type { QueriedDevice } from "../../../src/hca/verbs/port_attributes.ts";
import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../../../src/wire/gid.ts";

const GUID = 0x0002c9030000abcdn;

export class FakePortDevice implements QueriedDevice {
  readonly name = "mlx5_0";
  readonly context = 0n;
  /** Members of the `struct ibv_port_attr`. */
  state = 4;
  maxMtu = 5;
  activeMtu = 4;
  width = 2;
  speed = 32;
  speedEx = 0;
  flags = 0;
  linkLayer = 1;
  /** Result of the query of the port. */
  failure = 0;
  pkeys: number[] = [0xffff, 0x8001];
  /** Number of queries of single P_Keys. */
  pkeyQueries = 0;

  readonly library: QueriedDevice["library"] = {
    ibv_query_gid: (_context, _port, _index, gid) => {
      (gid as Uint8Array).set(gidFrom(DEFAULT_SUBNET_PREFIX, GUID));
      return 0;
    },
    ibv_query_pkey: (_context, _port, index, pkey) => {
      this.pkeyQueries++;
      const value = this.pkeys[index];
      if (value === undefined) return -1;
      (pkey as Uint8Array).set([value >> 8, value & 0xff]);
      return 0;
    },
  };

  queryPort(_port: number, attributes: Uint8Array): number {
    if (this.failure !== 0) return this.failure;
    const view = new DataView(attributes.buffer);
    view.setInt32(IbvPortAttr.State, this.state, true);
    view.setInt32(IbvPortAttr.MaxMtu, this.maxMtu, true);
    view.setInt32(IbvPortAttr.ActiveMtu, this.activeMtu, true);
    view.setUint16(IbvPortAttr.PkeyTableLength, this.pkeys.length, true);
    view.setUint8(IbvPortAttr.ActiveWidth, this.width);
    view.setUint8(IbvPortAttr.ActiveSpeed, this.speed);
    view.setUint8(IbvPortAttr.LinkLayer, this.linkLayer);
    view.setUint8(IbvPortAttr.Flags, this.flags);
    view.setUint32(IbvPortAttr.ActiveSpeedEx, this.speedEx, true);
    return 0;
  }
}
