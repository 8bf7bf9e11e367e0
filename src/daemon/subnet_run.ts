/** `ipoib subnet run`: holds the manager of an embedded subnet without an interface. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { configureLog, getLogger } from "../base/log.ts";
import { variable } from "../base/variables.ts";
import { runtimeDirectory } from "../ipc/locate.ts";
import type { SubnetRunOptions } from "../ipc/up_options.ts";
import { notify } from "../system/notify.ts";
import { ensureDescriptors } from "./descriptors.ts";
import { ManagerSeat } from "./manager/seat.ts";
import { reduceRights } from "./rights.ts";
import { endingSignal } from "./signals.ts";
import { makeSubnetDirectory } from "./subnet_directory.ts";

/** Runs until a signal; SIGHUP reads the partitions again; throws `E_SUBNET_TAKEN` if another process has the seat. */
export async function runSubnet(options: SubnetRunOptions): Promise<number> {
  const { user } = options;
  reduceRights([], user === undefined ? {} : { user });
  const limited = await configureLog(options.log);
  ensureDescriptors(0);
  const { name } = options;
  const end = Promise.withResolvers<IpoibError | undefined>();
  const ending = endingSignal(["SIGINT", "SIGTERM"]);
  const log = getLogger(`subnet ${name}`);
  void ending.promise.then(() => end.resolve(undefined));
  const seat = new ManagerSeat({
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
  seat.onCrash = (error) => end.resolve(IpoibError.from(error));
  if (!await seat.tryTake()) {
    throw new IpoibError(
      "E_SUBNET_TAKEN",
      `Subnet ${name} already has a manager`,
      { errno: Errno.EBUSY, hint: "see `ipoib subnet show`" },
    );
  }
  log.info(`subnet manager runs, pid ${Deno.pid}`);
  const reload = () => void reloadPartitions(seat, log);
  Deno.addSignalListener("SIGHUP", reload);
  notify("READY=1", variable("NOTIFY_SOCKET"));
  const failure = await end.promise;
  Deno.removeSignalListener("SIGHUP", reload);
  await seat.close();
  ending.ignore();
  limited.flush(true);
  if (failure) throw failure;
  return 0;
}

async function reloadPartitions(
  seat: ManagerSeat,
  log: ReturnType<typeof getLogger>,
): Promise<void> {
  try {
    const { file, partitions, ports, warnings } = await seat.reload();
    for (const warning of warnings) log.warn(warning);
    log.info(
      `${partitions} partitions from ${
        file ?? "the program"
      }, ${ports} P_Key tables changed`,
    );
  } catch (error) {
    log.error(IpoibError.from(error).message);
  }
}
