/** `ipoib subnet run`: holds the manager of an embedded subnet without an interface. */

import { IpoibError } from "../base/errors.ts";
import { configureLog, getLogger } from "../base/log.ts";
import { runtimeDirectory } from "../ipc/locate.ts";
import type { SubnetRunOptions } from "../ipc/up_options.ts";
import { notify } from "../system/notify.ts";
import { ManagerSeat } from "./manager/seat.ts";
import { endingSignal } from "./signals.ts";
import { makeSubnetDirectory } from "./subnet_directory.ts";

/** Runs until a signal or `stop`; throws `E_SUBNET_TAKEN` if another process has the seat. */
export async function runSubnet(options: SubnetRunOptions): Promise<number> {
  await configureLog(options.log);
  const { name } = options;
  const end = Promise.withResolvers<IpoibError | undefined>();
  const ending = endingSignal();
  void ending.promise.then(() => end.resolve(undefined));
  const seat = new ManagerSeat({
    directory: makeSubnetDirectory(runtimeDirectory(), name),
    subnet: name,
    name: "subnet run",
    log: options.log,
    subnetMtu: options.subnetMtu,
    onStop: () => end.resolve(undefined),
  });
  seat.onCrash = (error) => end.resolve(IpoibError.from(error));
  if (!await seat.tryTake()) {
    throw new IpoibError(
      "E_SUBNET_TAKEN",
      `Subnet ${name} already has a manager`,
      { errno: 16, hint: "see `ipoib subnet show`" },
    );
  }
  getLogger(`subnet ${name}`).info(`subnet manager runs, pid ${Deno.pid}`);
  notify("READY=1", Deno.env.get("NOTIFY_SOCKET"));
  const failure = await end.promise;
  await seat.close();
  ending.ignore();
  if (failure) throw failure;
  return 0;
}
