/** `ipoib subnet run`: runs the manager of an embedded subnet without an interface. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { variable } from "../base/variables.ts";
import { runtimeDirectory } from "../ipc/locate.ts";
import type { SubnetRunOptions } from "../ipc/up_options.ts";
import { MemoryTrim } from "../system/unused_memory.ts";
import { notify } from "../system/notify.ts";
import { ensureDescriptors } from "./descriptors.ts";
import { ManagerRole } from "./manager/manager_role.ts";
import { type ProcessLog, withLog } from "./process_log.ts";
import { reduceRights } from "./rights.ts";
import { endingSignal } from "./signals.ts";
import { makeSubnetDirectory } from "./subnet_directory.ts";

/**
 * Runs the manager until SIGINT or SIGTERM, and reloads the partitions on SIGHUP. Returns the exit code.
 *
 * Throws `E_SUBNET_TAKEN` (EBUSY) if another process is the manager, and the errors of the start and of the manager.
 */
export function runSubnet(options: SubnetRunOptions): Promise<number> {
  return withLog((log) => run(options, log));
}

async function run(
  options: SubnetRunOptions,
  processLog: ProcessLog,
): Promise<number> {
  const { user } = options;
  reduceRights([], user === undefined ? {} : { user });
  processLog.begin(options);
  ensureDescriptors(0);
  using _trim = new MemoryTrim();
  const { name } = options;
  const end = Promise.withResolvers<IpoibError | undefined>();
  const ending = endingSignal(["SIGINT", "SIGTERM"]);
  const log = getLogger(`subnet ${name}`);
  void ending.promise.then((signal) => {
    log.info(`stopping: ${signal} received`);
    end.resolve(undefined);
  });
  const role = new ManagerRole({
    directory: makeSubnetDirectory(runtimeDirectory(), name),
    subnet: name,
    name: "subnet run",
    log: options.log,
    subnetMtu: options.subnetMtu,
    ...(options.partitions === undefined
      ? {}
      : { partitions: options.partitions }),
    alone: true,
  });
  role.onCrash = (error) => end.resolve(IpoibError.from(error));
  if (!await role.tryTake()) {
    throw new IpoibError(
      "E_SUBNET_TAKEN",
      `Subnet ${name} already has a manager`,
      { errno: Errno.EBUSY, hint: "see `ipoib subnet show`" },
    );
  }
  log.info(`subnet manager running, pid ${Deno.pid}`);
  const reload = () => void reloadPartitions(role, log);
  Deno.addSignalListener("SIGHUP", reload);
  notify("READY=1", variable("NOTIFY_SOCKET"));
  const failure = await end.promise;
  Deno.removeSignalListener("SIGHUP", reload);
  await role.close();
  ending.ignore();
  if (failure) throw failure;
  return 0;
}

async function reloadPartitions(
  role: ManagerRole,
  log: ReturnType<typeof getLogger>,
): Promise<void> {
  try {
    const { file, partitions, ports, warnings } = await role.reload();
    for (const warning of warnings) log.warn(warning);
    log.info(
      `reloaded partitions (${
        file ?? "built-in"
      }): ${partitions} partitions, ${ports} P_Key tables changed`,
    );
  } catch (error) {
    log.error(IpoibError.from(error).message);
  }
}
