/** `ipoib up`: becomes the process that is an interface, or starts one in the background. */

import { IpoibError } from "../base/errors.ts";
import { configureLog, getLogger } from "../base/log.ts";
import { probeVerbs } from "../hca/verbs/probe.ts";
import type { UpOptions } from "../ipc/up_options.ts";
import { beginSession, redirectStderr } from "../system/detach.ts";
import { raiseDescriptorLimit } from "../system/limits.ts";
import { notify } from "../system/notify.ts";
import { logFile, startInBackground } from "./background.ts";
import { chooseHca } from "./choose_hca.ts";
import { InterfaceProcess } from "./interface_process.ts";
import { endingSignal } from "./signals.ts";

/** Runs an interface until it is taken down: exit code 0; throws what ended it otherwise. */
export async function up(options: UpOptions): Promise<number> {
  if (options.background) return await startInBackground(options);
  const backgroundLog = logFile();
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
  const hca = chooseHca(options.hca, () => probeVerbs());
  if (hca.kind === "soft" && hca.warning) {
    getLogger(options.name).warn(hca.warning);
  }

  const ending = endingSignal();
  const itself = new InterfaceProcess(options, hca);
  itself.onRunning = () => {
    notify("READY=1", Deno.env.get("NOTIFY_SOCKET"));
    // Whoever started us has gone by now: words go to the file.
    if (backgroundLog) redirectStderr(backgroundLog);
  };
  void ending.promise.then(() => itself.end());
  try {
    await itself.run();
    return 0;
  } finally {
    ending.ignore();
  }
}
