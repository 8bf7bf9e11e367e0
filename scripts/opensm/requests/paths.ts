/** Requests for unicast paths. */

import { gidFrom } from "../../../src/wire/gid.ts";
import { Method } from "../../../src/wire/mad.ts";
import { IPOIB_PATH_MASK, PathMask } from "../../../src/wire/sa/path_record.ts";
import { Selector } from "../../../src/wire/sa/selector.ts";
import { portGid, portGuid, portLid } from "../fabric.ts";
import { FOREIGN_GID, FOREIGN_PREFIX, UNKNOWN_GID } from "./addresses.ts";
import type { RequestList } from "./request_list.ts";

export function addPathRequests({ path }: RequestList): void {
  const ends = PathMask.Sgid | PathMask.Dgid;
  const toTwo = { sgid: portGid(1), dgid: portGid(2) };
  path("path with the component mask of ib_ipoib", 1, IPOIB_PATH_MASK, {
    ...toTwo,
    numbPath: 1,
    pkey: 0xffff,
  });
  path("path without a P_Key", 1, ends, toTwo);
  path("path to itself", 1, ends, { sgid: portGid(1), dgid: portGid(1) });
  path("path by LIDs", 1, PathMask.Slid | PathMask.Dlid, {
    slid: portLid(1),
    dlid: portLid(3),
  });
  path("path between two other ports", 4, ends, {
    sgid: portGid(1),
    dgid: portGid(2),
  });
  path("path without a source", 1, PathMask.Dgid, { dgid: portGid(2) });
  path("paths to one port", 1, PathMask.Dgid | PathMask.Sgid, toTwo, 0x12);
  path("path to an unknown GID", 1, ends, {
    sgid: portGid(1),
    dgid: UNKNOWN_GID,
  });
  path("path from an unknown GID", 1, ends, {
    sgid: UNKNOWN_GID,
    dgid: portGid(1),
  });
  path("paths to an unknown GID", 1, ends, {
    sgid: portGid(1),
    dgid: UNKNOWN_GID,
  }, Method.GetTable);
  path("path to a GID of another subnet", 1, ends, {
    sgid: portGid(1),
    dgid: gidFrom(FOREIGN_PREFIX, portGuid(2)),
  });
  path("path from a GID of another subnet", 1, ends, {
    sgid: FOREIGN_GID,
    dgid: portGid(2),
  });
  path("path to LID 0", 1, PathMask.Sgid | PathMask.Dlid, {
    sgid: portGid(1),
    dlid: 0,
  });
  path("path to an unknown LID", 1, PathMask.Sgid | PathMask.Dlid, {
    sgid: portGid(1),
    dlid: 77,
  });
  path("path from an unknown LID", 1, PathMask.Dgid | PathMask.Slid, {
    dgid: portGid(2),
    slid: 77,
  });
  path("path whose DGID and DLID differ", 1, ends | PathMask.Dlid, {
    ...toTwo,
    dlid: portLid(3),
  });
  path("path whose SGID and SLID differ", 1, ends | PathMask.Slid, {
    ...toTwo,
    slid: portLid(3),
  });
  const pkey = (name: string, value: number, from: number, to: number) =>
    path(name, 1, ends | PathMask.Pkey, {
      sgid: portGid(from),
      dgid: portGid(to),
      pkey: value,
    });
  pkey("path in a partition of both ports", 0x8001, 1, 2);
  pkey("path in a partition, without the full bit", 0x0001, 1, 2);
  pkey("path from a full to a limited member", 0x8002, 1, 2);
  pkey("path from a limited to a full member", 0x0002, 2, 1);
  pkey("path from a limited member, with the full bit", 0x8002, 2, 1);
  pkey("path between limited members", 0x8002, 2, 3);
  pkey("path in a partition of one of the ports", 0x8003, 1, 3);
  pkey("path in an unknown partition", 0x8044, 1, 2);
  pkey("path with P_Key 0", 0, 1, 2);
  const mtu = (name: string, mtuSelector: number, mtu: number) =>
    path(name, 1, ends | PathMask.Mtu | PathMask.MtuSelector, {
      ...toTwo,
      mtuSelector,
      mtu,
    });
  mtu("path with MTU exactly 2048", Selector.Exactly, 4);
  mtu("path with MTU exactly 1024", Selector.Exactly, 3);
  mtu("path with MTU exactly 4096", Selector.Exactly, 5);
  mtu("path with MTU more than 1024", Selector.GreaterThan, 3);
  mtu("path with MTU more than 2048", Selector.GreaterThan, 4);
  mtu("path with MTU less than 2048", Selector.LessThan, 4);
  mtu("path with MTU less than 4096", Selector.LessThan, 5);
  mtu("path with MTU less than 256", Selector.LessThan, 1);
  mtu("path with the largest MTU", Selector.Best, 3);
  mtu("path with an undefined MTU", Selector.Exactly, 9);
  const rate = (name: string, rateSelector: number, rate: number) =>
    path(name, 1, ends | PathMask.Rate | PathMask.RateSelector, {
      ...toTwo,
      rateSelector,
      rate,
    });
  rate("path with rate exactly 100 Gb/s", Selector.Exactly, 16);
  rate("path with rate exactly 10 Gb/s", Selector.Exactly, 3);
  rate("path with rate more than 56 Gb/s", Selector.GreaterThan, 12);
  rate("path with rate more than 100 Gb/s", Selector.GreaterThan, 16);
  rate("path with rate less than 100 Gb/s", Selector.LessThan, 16);
  rate("path with rate less than 200 Gb/s", Selector.LessThan, 17);
  rate("path with rate exactly 400 Gb/s", Selector.Exactly, 21);
  rate("path with the best rate", Selector.Best, 2);
  rate("path with an undefined rate", Selector.Exactly, 1);
  const lifetime = (name: string, lifetimeSelector: number, value: number) =>
    path(name, 1, ends | PathMask.Lifetime | PathMask.LifetimeSelector, {
      ...toTwo,
      lifetimeSelector,
      lifetime: value,
    });
  lifetime("path with life time exactly 18", Selector.Exactly, 18);
  lifetime("path with life time less than 18", Selector.LessThan, 18);
  lifetime("path with life time more than 10", Selector.GreaterThan, 10);
  lifetime("path with life time less than 20", Selector.LessThan, 20);
  path("path with SL 0", 1, ends | PathMask.Sl, toTwo);
  path("path with SL 3", 1, ends | PathMask.Sl, { ...toTwo, sl: 3 });
  path("path with one of the two ServiceID components", 1, ends | 1n, {
    ...toTwo,
    serviceId: 0x1000000000n,
  });
  path("path with a ServiceID", 1, ends | PathMask.ServiceId, {
    ...toTwo,
    serviceId: 0x1000000000n,
  });
  path(
    "path with a TClass and a FlowLabel",
    1,
    ends | PathMask.Tclass |
      PathMask.FlowLabel,
    { ...toTwo, tclass: 5, flowLabel: 0x123 },
  );
  path("path with a hop limit", 1, ends | PathMask.HopLimit, {
    ...toTwo,
    hopLimit: 3,
  });
  path("reversible path", 1, ends | PathMask.Reversible, {
    ...toTwo,
    reversible: true,
  });
  path("path that need not be reversible", 1, ends | PathMask.Reversible, {
    ...toTwo,
  });
  path("path with NumbPath 0", 1, ends | PathMask.NumbPath, toTwo);
  path("raw path", 1, ends | PathMask.RawTraffic, {
    ...toTwo,
    rawTraffic: true,
  });
}
