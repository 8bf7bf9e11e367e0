/** Worker entry of the manager worker, which runs the subnet manager of an embedded subnet. */

import { formatGuid } from "../base/hex.ts";
import { getLogger, type LogLevel } from "../base/log.ts";
import { parentDirectory } from "../ipc/runtime_directory.ts";
import { keepCapabilities } from "../system/capability.ts";
import { linkInode } from "../system/files.ts";
import { removeDeadSocket } from "../system/dead_socket.ts";
import { PollReactor } from "../system/poll_reactor.ts";
import { collectPeriodically } from "../system/unused_memory.ts";
import type { LastKnown } from "../subnet/messages.ts";
import type { ManagerInfo } from "../subnet/snapshot.ts";
import { portSocketPath } from "../subnet/sockets.ts";
import {
  managerCommands,
  type PartitionsText,
  readPartitions,
} from "./manager/commands.ts";
import { ManagerHost } from "./manager/host.ts";
import { LockCheck } from "./manager/lock_check.ts";
import { openEvents } from "./open_events.ts";
import { runCommand } from "./thread/commands.ts";
import { type Hosted, serve } from "./thread/worker_side.ts";

/** Parameters of the worker. */
export interface ManagerInit {
  log: LogLevel;
  /** Path of the socket to which ports connect. It must not exist. */
  socket: string;
  /** Lock file of the manager. */
  lock: { path: string; inode: bigint };
  /** Name of the subnet. */
  subnet: string;
  manager: ManagerInfo;
  /** IB MTU in bytes. */
  subnetMtu?: number;
  /** State of the subnet under the previous manager. */
  previous?: LastKnown;
  /** Partition configuration. Default: the built-in partitions. */
  partitions?: PartitionsText;
}

/** Returns true if a process listens on the socket of a port. Removes a stale socket. */
function portLives(socket: string): boolean {
  removeDeadSocket(socket, "seqpacket");
  return linkInode(socket) !== undefined;
}

serve<ManagerInit>(() => new PollReactor(), (init, reactor, emit): Hosted => {
  keepCapabilities([]);
  const log = getLogger(`subnet ${init.subnet}`);
  const directory = parentDirectory(init.socket);
  const events = openEvents(reactor, emit);
  const { partitions, warnings } = readPartitions(init.partitions);
  for (const warning of warnings) log.warn(warning);
  const host = new ManagerHost(reactor, init.socket, {
    manager: init.manager,
    now: reactor.clock.now(),
    partitions,
    lives: (guid) => portLives(portSocketPath(directory, formatGuid(guid))),
    onFailure: ({ message }) => log.warn(message),
    record: (event, details) =>
      events.sink.add(
        { name: `subnet ${init.subnet}` },
        "fabric",
        event,
        details,
      ),
    log: (level, text) => {
      if (level === "warning") log.warn(text);
      else log[level](text);
    },
    ...(init.subnetMtu === undefined ? {} : { subnetMtu: init.subnetMtu }),
    ...(init.previous === undefined ? {} : { previous: init.previous }),
  });
  new LockCheck(reactor, init.lock, () => {
    host.close();
    emit("replaced", {});
  });
  collectPeriodically(reactor);
  return {
    command: ({ command, params }, done, fail) => {
      runCommand(managerCommands, host, command, params, done, fail);
      host.settle();
    },
    close: () => {
      host.close();
      events.close();
    },
  };
});
