/**
 * Worker entry of the data worker, which owns the data path and the protocol state of an interface and its children.
 *
 * Opens the data path, also again after it was released to another process that has failed to take over. Runs the
 * commands of the control socket between turns of the reactor.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { getLogger, type LimitedLog } from "../base/log.ts";
import type { TapNetdev } from "../netdev/open_netdev.ts";
import { duplicate } from "../system/fd.ts";
import { openReactor } from "../system/open_reactor.ts";
import type { Reactor } from "../system/reactor.ts";
import { exactTimers } from "../system/clock.ts";
import { gidGuid } from "../wire/gid.ts";
import type { CommandContext } from "./commands/context.ts";
import { dataCommands } from "./data_commands.ts";
import type { DataInit } from "./data_init.ts";
import { type DataPath, openPath } from "./data_path.ts";
import type { DescribedInterface, RestartCalls } from "./restart/calls.ts";
import { saveInterface } from "./restart/save.ts";
import { watchSettings } from "./setting_events.ts";
import { type Commands, runCommand } from "./thread/commands.ts";
import { type Emit, type Hosted, serve } from "./thread/worker_side.ts";
import { WorkerRequests } from "./worker_requests.ts";

function start(
  init: DataInit,
  reactor: Reactor,
  emit: Emit,
  log: LimitedLog,
): Hosted {
  exactTimers();
  const workers = new WorkerRequests(emit);
  const openAll = (left: DataInit) =>
    openPath(left, reactor, emit, workers, log);
  let path: DataPath | undefined = openAll(init);
  const open = (): DataPath => {
    if (path) return path;
    throw new IpoibError(
      "E_RELEASED",
      `Another process is taking over ${init.name}`,
      { errno: Errno.EAGAIN, hint: "try again" },
    );
  };
  const complete = (): DataPath => {
    const { restored } = open();
    if (restored) return open();
    throw new IpoibError(
      "E_STARTING",
      `Children of ${init.name} are being restored`,
      { errno: Errno.EAGAIN, hint: "try again" },
    );
  };
  const own: Commands<unknown, RestartCalls> = {
    "interface.save": () => saveInterface(complete().context.device),
    "interface.describe": () => describe(complete().context),
    "interface.release": () => {
      const saved = saveInterface(open().context.device);
      const taps = open().release();
      path = undefined;
      return { saved, taps, settings: true };
    },
    "interface.resume": (_context, params) => {
      path = openAll({ ...init, ...params });
      return {};
    },
  };
  return {
    command: ({ command, params, namespace }, done, fail) => {
      if (workers.answer(command, params)) return done({});
      if (Object.hasOwn(own, command)) {
        return runCommand(own, undefined, command, params, done, fail);
      }
      const context = { ...open().context, namespace };
      const recordSettings = watchSettings(context, command) ?? (() => {});
      runCommand(dataCommands, context, command, params, (result) => {
        recordSettings();
        done(result);
      }, fail);
    },
    close: () => path?.close(),
  };
}

/** Returns what another process needs before the release. */
function describe({ device, port }: CommandContext): DescribedInterface {
  const { tap } = device.parent.netdev as TapNetdev;
  using place = tap.locate();
  if (!place) throw new IpoibError("E_NETDEV_GONE", `${tap.name} is gone`);
  return {
    guid: gidGuid(port.attributes.gid),
    netns: duplicate(place.netns).release(),
  };
}

serve<DataInit>(
  (init) => openReactor(init.io, (text) => getLogger(init.name).warn(text)),
  start,
);
