/** Worker entry: the subnet manager of an embedded subnet. */

import { formatGuid } from "../base/hex.ts";
import { getLogger, type LogLevel } from "../base/log.ts";
import { folderOf } from "../ipc/runtime_folder.ts";
import { keepCapabilities } from "../system/capability.ts";
import { linkInode } from "../system/files.ts";
import { removeDeadSocket } from "../system/dead_socket.ts";
import { PollReactor } from "../system/poll_reactor.ts";
import type { LastKnown } from "../subnet/messages.ts";
import type { ManagerInfo } from "../subnet/snapshot.ts";
import { portSocketPath } from "../subnet/sockets.ts";
import {
  managerCommands,
  type PartitionsText,
  readPartitions,
} from "./manager/commands.ts";
import { ManagerHost } from "./manager/host.ts";
import { SeatGuard } from "./manager/seat_guard.ts";
import { runCommand } from "./thread/commands.ts";
import { type Hosted, serve } from "./thread/worker_side.ts";

/** What the worker is started with. */
export interface ManagerInit {
  log: LogLevel;
  /** Where ports connect; nothing may be there. */
  socket: string;
  /** The manager's lock file. */
  lock: { path: string; inode: bigint };
  subnet: string;
  manager: ManagerInfo;
  subnetMtu?: number;
  /** What was known of the subnet under the manager before. */
  previous?: LastKnown;
  /** Absent: those built in. */
  partitions?: PartitionsText;
}

function portLives(socket: string): boolean {
  removeDeadSocket(socket, "seqpacket");
  return linkInode(socket) !== undefined;
}

serve<ManagerInit>(() => new PollReactor(), (init, reactor, emit): Hosted => {
  keepCapabilities([]);
  const log = getLogger(`subnet ${init.subnet}`);
  const folder = folderOf(init.socket);
  const { partitions, warnings } = readPartitions(init.partitions);
  for (const warning of warnings) log.warn(warning);
  const host = new ManagerHost(reactor, init.socket, {
    manager: init.manager,
    now: reactor.clock.now(),
    partitions,
    lives: (guid) => portLives(portSocketPath(folder, formatGuid(guid))),
    onFailure: ({ message }) => log.warn(message),
    log: (level, text) => {
      if (level === "warning") log.warn(text);
      else log[level](text);
    },
    ...(init.subnetMtu === undefined ? {} : { subnetMtu: init.subnetMtu }),
    ...(init.previous === undefined ? {} : { previous: init.previous }),
  });
  new SeatGuard(reactor, init.lock, () => {
    host.close();
    emit("replaced", {});
  });
  return {
    command: (name, params, done) => {
      runCommand(managerCommands, host, name, params, done);
      host.settle();
    },
    close: () => host.close(),
  };
});
