/** How a process keeps its devices for a process that is started after its unexpected end. */

import { upArguments, type UpOptions } from "../../ipc/up_options.ts";
import type { KeeperKind } from "../../netdev/tap/keeper.ts";
import type { Fd } from "../../system/fd.ts";
import { notify } from "../../system/notify.ts";

export interface Keeping {
  readonly keeper: KeeperKind;
  /** Path of the service manager's socket. */
  readonly notifySocket: string | undefined;
  /** The options of `ipoib up` as a command line: see {@linkcode LeftState.sameCommand}. */
  readonly command: readonly string[];
  /** Descriptors from the service manager by label. An interface takes its own. */
  readonly descriptors: Map<string, Fd>;
}

/**
 * @param options with the names of the interfaces, and with the choice of ports that each process of these interfaces
 * has (settledChoice() in choose_hca.ts)
 */
export function keepingOf(
  options: UpOptions,
  notifySocket: string | undefined,
  descriptors: Map<string, Fd>,
): Keeping {
  return {
    keeper: keeperOf(options, notifySocket),
    command: comparedCommand(options),
    ...{ notifySocket, descriptors },
  };
}

/**
 * Closes the descriptors from the service manager that no interface has taken.
 *
 * @param unwanted true if every interface has taken its own, so that these are removed from the store too
 */
export function closeDescriptors(
  { descriptors, notifySocket }: Keeping,
  unwanted: boolean,
): void {
  for (const [name, fd] of descriptors) {
    fd.close();
    if (unwanted) notify(`FDSTOREREMOVE=1\nFDNAME=${name}`, notifySocket);
  }
  descriptors.clear();
}

function keeperOf(
  { persist }: UpOptions,
  notifySocket: string | undefined,
): KeeperKind {
  if (persist) return "persist";
  return notifySocket === undefined ? "none" : "store";
}

/** Returns the command line without the options that say how the process runs, and not what the interfaces are. */
function comparedCommand(options: UpOptions): string[] {
  const { timeoutS: _, logFile: __, ...others } = options;
  return upArguments({ ...others, background: false, persist: false });
}
