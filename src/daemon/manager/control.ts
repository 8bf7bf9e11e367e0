/** Handlers of the control socket of a subnet. Most of them forward the call to the manager worker. */

import type { HandlersOf } from "../../ipc/server.ts";
import type { MethodOf, ReloadRecord } from "../../ipc/schema.ts";
import { forward } from "../thread/forward.ts";
import type { EventHistory } from "../event_history.ts";
import type { Service } from "../thread/service.ts";
import type { ManagerCalls } from "./commands.ts";

/** The objects and functions that the handlers use. */
export interface ControlParts {
  service: Service<ManagerCalls>;
  events: EventHistory;
  /** Reloads the partitions, from `file` if given. */
  reload(file?: string): Promise<ReloadRecord>;
  /** Kills the manager without cleanup. */
  kill(): void;
}

/** Creates the handlers. */
export function subnetHandlers(
  { service, events, reload, kill }: ControlParts,
): HandlersOf<MethodOf<"subnet">> {
  const own = {
    ...events.handlers(),
    "subnet.reload": ({ partitions }) => reload(partitions),
    "subnet.kill": (_params, context) => {
      context.afterReply(kill);
      return {};
    },
  } satisfies HandlersOf<MethodOf<"subnet", "process">>;
  return { ...forward("subnet", service), ...own };
}
