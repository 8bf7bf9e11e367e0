/** All measurements in the order in which they run. */

import type { Measurement } from "../measurement.ts";
import { bigCluster } from "./big_cluster.ts";
import { children } from "./children.ts";
import { connectedStream } from "./connected.ts";
import { fanOut } from "./fan_out.ts";
import { multicast } from "./multicast.ts";
import { datagrams, flood, ipv6Stream, roundTrip, stream } from "./pair.ts";
import { stopped } from "./stopped.ts";

export const MEASUREMENTS: readonly Measurement[] = [
  roundTrip,
  stream,
  ipv6Stream,
  connectedStream,
  datagrams,
  flood,
  fanOut,
  multicast,
  stopped,
  children,
  bigCluster,
];
