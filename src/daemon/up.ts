/** `ipoib up`: runs one or more interfaces in this process, or starts a background process for them. */

import { getLogger } from "../base/log.ts";
import { writeAll } from "../base/log_line.ts";
import { variable } from "../base/variables.ts";
import { allowReleases } from "../hca/verbs/device.ts";
import { probeVerbs } from "../hca/verbs/probe.ts";
import { processLocksPath, runtimeDirectory } from "../ipc/locate.ts";
import { makeRuntimeDirectory } from "../ipc/runtime_directory.ts";
import type { UpOptions } from "../ipc/up_options.ts";
import { MemoryTrim } from "../system/unused_memory.ts";
import { takeListenFds } from "../system/listen_fds.ts";
import { type NetworkNamespace, openNamespace } from "../system/namespace.ts";
import { NamespaceUsers } from "../system/namespace_users.ts";
import { notify } from "../system/notify.ts";
import { ProcessLocks } from "../system/process_locks.ts";
import { unsetLibraryVariables } from "../system/trusted_libraries.ts";
import { startInBackground } from "./background.ts";
import { chooseHca, type Notice, settledChoice } from "./choose_hca.ts";
import { InterfaceGroup } from "./interface_group.ts";
import { InterfaceProcess } from "./interface_process.ts";
import { namespaceHolder } from "./namespace_holder.ts";
import { planInterfaces } from "./plan_interfaces.ts";
import { dataServices } from "./data_services.ts";
import { ensureDescriptors } from "./descriptors.ts";
import { type ProcessLog, withLog } from "./process_log.ts";
import {
  capabilitiesOf,
  checkRights,
  reduceMainThread,
  reduceRights,
} from "./rights.ts";
import { followSuccessor } from "./restart/front.ts";
import { closeDescriptors, keepingOf } from "./restart/keeping.ts";
import { Takeover } from "./restart/take_over.ts";
import { Upgrade } from "./restart/upgrade.ts";
import { endingSignal } from "./signals.ts";
import { sweep } from "./sweep.ts";

/** Exit code if an interface failed, and the last one ended without an error. */
const ONE_FAILED = 2;

/**
 * Runs interfaces until the last one has ended, or starts a background process and returns when they are ready. Returns
 * the exit code. Throws the error if an interface fails to start, or if the last one ends because of an error.
 */
export function up(options: UpOptions): Promise<number> {
  return withLog((log) => run(options, log));
}

async function run(options: UpOptions, log: ProcessLog): Promise<number> {
  unsetLibraryVariables();
  checkRights();
  const hcas = chooseHca(options.hca, () => probeVerbs(), options.roce);
  const planned = planInterfaces(options.names, hcas, options.guid);
  ensureDescriptors(planned.length);
  if (hcas.kind === "verbs") allowReleases();
  const names = planned.map(({ name }) => name);
  if (options.background) {
    if (hcas.kind === "soft") showNotice(hcas.notice);
    return await startInBackground({ ...options, names });
  }
  const needs = { hca: hcas.kind, nextHops: options.nextHops };
  using reduced = reduceRights(capabilitiesOf(needs), reachable(options));
  const { netns } = reduced;
  const runtime = runtimeDirectory();
  makeRuntimeDirectory(runtime);
  const handover = variable("IPOIB_HANDOVER");
  using takeover = handover === undefined
    ? undefined
    : await Takeover.connect(handover);
  log.begin(options, takeover);
  if (hcas.kind === "soft" && hcas.notice) logNotice(hcas.notice);

  using locks = ProcessLocks.hold(processLocksPath(runtime));
  using _trim = new MemoryTrim();
  using holder = namespaceHolder(options.netns);
  const usersOf = (namespace: NetworkNamespace) =>
    new NamespaceUsers({ namespace, holder, ignored: () => locks.pids() });
  const ending = endingSignal();
  const notifySocket = takeover?.notifySocket ?? variable("NOTIFY_SOCKET");
  const settled = { ...options, names, hca: settledChoice(options.hca, hcas) };
  const keeping = keepingOf(settled, notifySocket, takeListenFds());
  const common = { ...options, ...(netns === undefined ? {} : { netns }) };
  const wanted = takeover?.interfaces ?? planned;
  const services = dataServices(wanted.length, options.threads);
  const upgrade: Upgrade = new Upgrade(settled, {
    ...{ runtime, notifySocket, takeover, logPath: log.path },
    interfaces: () => group.alive(),
  });
  const group: InterfaceGroup<InterfaceProcess> = new InterfaceGroup(
    wanted.map((each, i) =>
      new InterfaceProcess(
        ...[{ ...common, name: each.name }, each.hca] as const,
        ...[services[i]!, usersOf] as const,
        ...[keeping, () => upgrade.begin()] as const,
        "left" in each ? each : undefined,
      )
    ),
    takeover === undefined && options.hca.kind === "auto" &&
      hcas.kind === "verbs",
  );
  group.onStarted = (all) => {
    reduced[Symbol.dispose]();
    reduceMainThread(needs);
    closeDescriptors(keeping, all);
    if (takeover) void upgrade.complete(takeover, group);
  };
  if (takeover) {
    group.onStartFailed = (error) => upgrade.fail(error);
  }
  group.onRunning = () => {
    notify("READY=1", notifySocket);
    // The process that started this one in the background then returns.
    if (!takeover) log.detach();
  };
  upgrade.onTaken = () => log.taken();
  group.onStopping = () => {
    if (!upgrade.successor) notify("STOPPING=1", notifySocket);
  };
  void ending.promise.then((signal) => {
    getLogger().info(`stopping: ${signal} received`);
    group.end("signal");
  });
  let code = ONE_FAILED;
  try {
    sweep(runtime);
    const success = await group.run();
    if (upgrade.failure) throw upgrade.failure;
    code = success ? 0 : ONE_FAILED;
    const { successor } = upgrade;
    if (successor && upgrade.isFront) {
      code = await followSuccessor(successor, ending.promise, ONE_FAILED);
    }
    return code;
  } finally {
    upgrade.close();
    if (!upgrade.successor) await takeover?.ended(code, upgrade.failure);
    ending.ignore();
  }
}

/** Returns the options, without a namespace that a takeover does not need and that may have another name by now. */
function reachable(options: UpOptions): UpOptions {
  const { netns, ...others } = options;
  if (netns === undefined || variable("IPOIB_HANDOVER") === undefined) {
    return options;
  }
  try {
    openNamespace(netns).close();
    return options;
  } catch {
    return others;
  }
}

/** Prints a notice of level info, which the new process writes to its log only. */
function showNotice(notice: Notice | undefined): void {
  if (notice?.level !== "info") return;
  writeAll(Deno.stderr, `${notice.text}\n`);
}

function logNotice({ level, text }: Notice): void {
  const log = getLogger();
  if (level === "warning") log.warn(text);
  else log.info(text);
}
