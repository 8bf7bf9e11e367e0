/** Requests for paths to groups. */

import { IPOIB_PATH_MASK, PathMask } from "../../../src/wire/sa/path_record.ts";
import { portGid } from "../fabric.ts";
import { BROADCAST, ipv4Group, LINK_TWO } from "./addresses.ts";
import type { RequestList } from "./request_list.ts";

export function addGroupPathRequests({ path }: RequestList): void {
  const ends = PathMask.Sgid | PathMask.Dgid;
  path("path to a group", 1, ends, { sgid: portGid(1), dgid: BROADCAST });
  path("path to a group without a source", 1, PathMask.Dgid, {
    dgid: ipv4Group(1),
  });
  path("path to a group in a partition without membership", 4, ends, {
    sgid: portGid(4),
    dgid: LINK_TWO,
  });
  path("path to an unknown group", 1, ends, {
    sgid: portGid(1),
    dgid: ipv4Group(0x77),
  });
  path("path to a group, wrong P_Key", 1, ends | PathMask.Pkey, {
    sgid: portGid(1),
    dgid: ipv4Group(1),
    pkey: 0x8001,
  });
  path(
    "path to a group with the component mask of ib_ipoib",
    1,
    IPOIB_PATH_MASK,
    {
      sgid: portGid(1),
      dgid: ipv4Group(1),
      numbPath: 1,
      pkey: 0xffff,
    },
  );
}
