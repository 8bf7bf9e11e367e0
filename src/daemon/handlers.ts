/** What answers on an interface's control socket: most of it in the data worker, the rest here. */

import type { MethodOf } from "../ipc/schema.ts";
import type { HandlersOf } from "../ipc/server.ts";
import type { DataCalls } from "./commands/context.ts";
import type { Readiness } from "./readiness.ts";
import { forward } from "./thread/forward.ts";
import type { WorkerThread } from "./thread/main_side.ts";

export interface HandlerParts {
  thread: WorkerThread<DataCalls>;
  /** The parent's name at this time. */
  name: () => string;
  readiness: Readiness;
  /** Clients of the control socket that were disconnected. */
  clientsEnded: () => number;
  /** Ends the interface, and the process if it is the last one. */
  stop: () => void;
}

export function interfaceHandlers(
  parts: HandlerParts,
): HandlersOf<MethodOf<"interface">> {
  const { thread, name, readiness, stop } = parts;
  const forwarded = forward("interface", thread);
  const own = {
    "wait": async ({ name: which = name() }, { signal }) => {
      await readiness.running(which, signal);
      return {};
    },
    "down": async ({ name: which }, context) => {
      if (which === name()) context.afterReply(stop);
      else await thread.call("link.del", { name: which });
      return {};
    },
  } satisfies HandlersOf<MethodOf<"interface", "process">>;
  return {
    ...forwarded,
    ...own,
    // The worker does not know what the socket itself has counted.
    "stats": async (params, context) => {
      const records = await forwarded.stats(params, context);
      const parent = records.find(({ ifname }) => ifname === name());
      if (parent) parent.counters.control_clients_ended = parts.clientsEnded();
      return records;
    },
  };
}
