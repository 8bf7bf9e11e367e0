/** `ipoib up`: runs one or more interfaces in this process, or starts a background process for them. */

import { getLogger } from "../base/log.ts";
import { writeAll } from "../base/log_line.ts";
import { variable } from "../base/variables.ts";
import { allowReleases } from "../hca/verbs/device.ts";
import { probeVerbs } from "../hca/verbs/probe.ts";
import { processLocksPath, runtimeDirectory } from "../ipc/locate.ts";
import { makeRuntimeDirectory } from "../ipc/runtime_directory.ts";
import type { UpOptions } from "../ipc/up_options.ts";
import { HeapTrim } from "../system/unused_memory.ts";
import type { NetworkNamespace } from "../system/namespace.ts";
import { NamespaceUsers } from "../system/namespace_users.ts";
import { notify } from "../system/notify.ts";
import { ProcessLocks } from "../system/process_locks.ts";
import { unsetLibraryVariables } from "../system/trusted_libraries.ts";
import { startInBackground } from "./background.ts";
import { chooseHca, type Notice } from "./choose_hca.ts";
import { InterfaceGroup } from "./interface_group.ts";
import { InterfaceProcess } from "./interface_process.ts";
import { namespaceHolder } from "./namespace_holder.ts";
import { planInterfaces } from "./plan_interfaces.ts";
import { ensureDescriptors } from "./descriptors.ts";
import { type ProcessLog, withLog } from "./process_log.ts";
import {
  capabilitiesOf,
  checkRights,
  reduceMainThread,
  reduceRights,
} from "./rights.ts";
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
  if (options.background) {
    if (hcas.kind === "soft") showNotice(hcas.notice);
    return await startInBackground({
      ...options,
      names: planned.map(({ name }) => name),
    });
  }
  const needs = { hca: hcas.kind, nextHops: options.nextHops };
  using reduced = reduceRights(capabilitiesOf(needs), options);
  const { netns } = reduced;
  const runtime = runtimeDirectory();
  makeRuntimeDirectory(runtime);
  log.begin(options);
  if (hcas.kind === "soft" && hcas.notice) logNotice(hcas.notice);

  using locks = ProcessLocks.hold(processLocksPath(runtime));
  using _trim = new HeapTrim();
  using holder = namespaceHolder(options.netns);
  const usersOf = (namespace: NetworkNamespace) =>
    new NamespaceUsers({ namespace, holder, ignored: () => locks.pids() });
  const ending = endingSignal();
  const group = new InterfaceGroup(
    planned.map(({ name, hca }) =>
      new InterfaceProcess(
        { ...options, name, ...(netns === undefined ? {} : { netns }) },
        hca,
        usersOf,
      )
    ),
    options.hca.kind === "auto" && hcas.kind === "verbs",
  );
  group.onStarted = () => {
    reduced[Symbol.dispose]();
    reduceMainThread(needs);
  };
  group.onRunning = () => {
    notify("READY=1", variable("NOTIFY_SOCKET"));
    // The process that started this one in the background then returns.
    log.detach();
  };
  group.onStopping = () => notify("STOPPING=1", variable("NOTIFY_SOCKET"));
  void ending.promise.then((signal) => {
    getLogger().info(`stopping: ${signal} received`);
    group.end();
  });
  try {
    sweep(runtime);
    return await group.run() ? 0 : ONE_FAILED;
  } finally {
    ending.ignore();
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
