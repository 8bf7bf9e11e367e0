/** What answers on a subnet's own control socket: most of it in the manager's worker, the rest here. */

import type { HandlersOf } from "../../ipc/server.ts";
import type { MethodOf, ReloadRecord } from "../../ipc/schema.ts";
import { forward } from "../thread/forward.ts";
import type { WorkerThread } from "../thread/main_side.ts";
import type { ManagerCalls } from "./commands.ts";

/** What the handlers need of the seat. */
export interface ControlParts {
  thread: WorkerThread<ManagerCalls>;
  /** Reads the partitions again, or another file instead. */
  reload(file?: string): Promise<ReloadRecord>;
  /** The manager dies. */
  kill(): void;
}

export function subnetHandlers(
  { thread, reload, kill }: ControlParts,
): HandlersOf<MethodOf<"subnet">> {
  const own = {
    "subnet.reload": ({ partitions }) => reload(partitions),
    "subnet.kill": (_params, context) => {
      context.afterReply(kill);
      return {};
    },
  } satisfies HandlersOf<MethodOf<"subnet", "process">>;
  return { ...forward("subnet", thread), ...own };
}
