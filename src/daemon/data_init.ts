/** Parameters of the data worker (data_worker.ts). */

import type { LogLevel } from "../base/log.ts";
import type { InterfaceOptions } from "../ipc/up_options.ts";
import type { KeeperKind } from "../netdev/tap/keeper.ts";
import type { PortInit } from "./open_port.ts";
import type { Keeping } from "./restart/keeping.ts";
import type { LeftInterface } from "./restart/left_interface.ts";

export interface DataInit {
  log: LogLevel;
  name: string;
  /** Descriptor of the network namespace for the interface. The worker closes it. */
  netns: number;
  pkeyIndex: number;
  adminMtu: number | undefined;
  memberships: "auto" | "rtnetlink" | "proc";
  nextHops: "auto" | "program" | "routes";
  mode: "datagram" | "connected";
  maxGroups: number | undefined;
  maxConnections: number | undefined;
  /** As requested: not rounded. */
  recvQueueSize: number | undefined;
  sendQueueSize: number | undefined;
  io: "auto" | "poll" | "uring";
  keeper: KeeperKind;
  /** Path of the service manager's socket, for the keeper `store`. */
  notifySocket: string | undefined;
  /** What an earlier process has left of the interface. */
  left: LeftInterface | undefined;
  hca: PortInit;
}

/** Returns the parameters for an interface. `netns` is a descriptor that the worker owns. */
export function dataInit(
  options: InterfaceOptions,
  { keeper, notifySocket }: Keeping,
  { netns, left, hca }: Pick<DataInit, "netns" | "left" | "hca">,
): DataInit {
  const { log, name, pkeyIndex, mode, mtu, memberships, nextHops, io } =
    options;
  const { maxGroups, maxConnections, recvQueueSize, sendQueueSize } = options;
  return {
    ...{ log, name, pkeyIndex, mode, memberships, nextHops },
    ...{ maxGroups, maxConnections, recvQueueSize, sendQueueSize },
    // io_uring has not been measured on verbs devices.
    io: hca.kind === "verbs" && io === "auto" ? "poll" : io,
    adminMtu: mtu,
    ...{ netns, keeper, notifySocket, hca, left },
  };
}
