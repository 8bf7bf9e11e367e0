/**
 * `ipoib up`: the process that is an interface. The main thread's part: name, socket, worker, subnet manager, end.
 *
 * Order of the beginning: the control socket first (it claims the name), then the worker with the port and the
 * TUN, then the wait for the subnet. Order of the end: the worker (so that groups are left and the TUN goes), the
 * socket, and last the manager's seat, which the next process then takes.
 */

import { IpoibError } from "../base/errors.ts";
import { configureLog, getLogger } from "../base/log.ts";
import { probeVerbs } from "../hca/verbs/probe.ts";
import {
  linkChild,
  namespaceIdentity,
  runtimeDirectory,
  socketDirectory,
  socketPath,
  subnetDirectory,
  unlinkChild,
  unlinkChildren,
} from "../ipc/locate.ts";
import { IpcServer } from "../ipc/server.ts";
import type { UpOptions } from "../ipc/up_options.ts";
import type { FabricMap } from "../subnet/messages.ts";
import {
  initialNamespaceInode,
  namespaceInode,
  openNamespace,
  ownNamespace,
} from "../system/namespace.ts";
import { beginSession, redirectStderr } from "../system/detach.ts";
import { raiseDescriptorLimit } from "../system/limits.ts";
import { notify } from "../system/notify.ts";
import { logFile, startInBackground } from "./background.ts";
import { chooseHca } from "./choose_hca.ts";
import type { DataInit } from "./data_worker.ts";
import { makeGuid } from "./guid.ts";
import { controlHandlers } from "./handlers.ts";
import { ManagerSeat } from "./manager/seat.ts";
import { Readiness } from "./readiness.ts";
import { endingSignal } from "./signals.ts";
import { makeSubnetDirectory } from "./subnet_directory.ts";
import { WorkerThread } from "./thread/main_side.ts";

/** Runs an interface until it is taken down: exit code 0, or 2 if it ended of an error. */
export async function up(options: UpOptions): Promise<number> {
  if (options.background) return await startInBackground(options);
  let backgroundLog = logFile();
  if (backgroundLog) beginSession();
  await configureLog(options.log);
  raiseDescriptorLimit();
  if (options.mode === "connected") {
    throw new IpoibError(
      "E_MODE",
      "Connected mode is not part of this version",
      { errno: 22, hint: "use --mode datagram" },
    );
  }
  const { name } = options;
  const log = getLogger(name);
  const hca = chooseHca(options.hca, probeVerbs);
  if (hca.warning) log.warn(hca.warning);

  const netns = options.netns === undefined
    ? ownNamespace()
    : openNamespace(options.netns);
  const inode = namespaceInode(netns.number);
  const runtime = runtimeDirectory();
  const sockets = socketDirectory(
    runtime,
    namespaceIdentity(inode, initialNamespaceInode()),
  );
  const readiness = new Readiness();
  const ending = endingSignal();
  const end = Promise.withResolvers<IpoibError | undefined>();
  void ending.promise.then(() => end.resolve(undefined));

  const thread = new WorkerThread(
    new URL("./data_worker.ts", import.meta.url),
  );
  const server = await IpcServer.listen(
    socketPath(sockets, name),
    name,
    controlHandlers({
      thread,
      name,
      namespace: Number(inode),
      readiness,
      stop: () => end.resolve(undefined),
    }),
  );
  const subnetFolder = makeSubnetDirectory(runtime, hca.subnet);
  const seat = new ManagerSeat({
    directory: subnetFolder,
    subnet: hca.subnet,
    name,
    log: options.log,
    subnetMtu: options.subnetMtu,
  });
  seat.onCrash = (error) => end.resolve(IpoibError.from(error));
  thread.onCrash = (error) => end.resolve(error);
  let children: string[] = [];
  let ended = false;
  thread.onEvent = (event, data) => {
    if (ended) return;
    switch (event) {
      case "manager-missing":
        seat.tryTake(data as FabricMap).catch((error) =>
          end.resolve(IpoibError.from(error))
        );
        break;
      case "state": {
        const { name: which, state } = data as { name: string; state: string };
        readiness.set(which, state);
        server.broadcast("state", data);
        if (which === name && state === "running") {
          notify("READY=1", Deno.env.get("NOTIFY_SOCKET"));
          if (backgroundLog) redirectStderr(backgroundLog);
          backgroundLog = undefined;
        }
        break;
      }
      case "children": {
        const now = data as string[];
        for (const gone of children.filter((c) => !now.includes(c))) {
          unlinkChild(sockets, gone);
          readiness.forget(gone);
        }
        for (const child of now.filter((c) => !children.includes(c))) {
          linkChild(sockets, name, child);
        }
        children = now;
        break;
      }
      case "gone":
        end.resolve(undefined);
        break;
      case "fatal":
        end.resolve(new IpoibError("E_SUBNET", String(data)));
        break;
    }
  };
  let failure: IpoibError | undefined;
  try {
    unlinkChildren(sockets, name);
    const init: DataInit = {
      log: options.log,
      name,
      netns: netns.release(),
      namespaceInode: Number(inode),
      pkeyIndex: options.pkeyIndex,
      adminMtu: options.mtu,
      memberships: options.memberships,
      io: options.io,
      soft: {
        directory: subnetDirectory(runtime, hca.subnet),
        subnet: hca.subnet,
        guid: options.guid ?? makeGuid(String(inode), name),
        guidFixed: options.guid !== undefined,
        subnetMtu: options.subnetMtu,
      },
    };
    await thread.start(init);
    log.info(`on the embedded subnet "${hca.subnet}", pid ${Deno.pid}`);
    failure = await end.promise;
  } catch (error) {
    failure = IpoibError.from(error);
  }
  ended = true;
  notify("STOPPING=1", Deno.env.get("NOTIFY_SOCKET"));
  await thread.close().catch(() => {});
  for (const child of children) unlinkChild(sockets, child);
  await server.close();
  await seat.close();
  ending.ignore();
  if (failure) throw failure;
  return 0;
}
