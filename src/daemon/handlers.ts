/** Handlers of the control socket of an interface. Most of them forward the call to the data worker. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import type { MethodOf, Result } from "../ipc/schema.ts";
import type { HandlersOf } from "../ipc/server.ts";
import type { DataCalls } from "./commands/context.ts";
import type { EventHistory } from "./event_history.ts";
import type { Readiness } from "./readiness.ts";
import { forward } from "./thread/forward.ts";
import type { WorkerThread } from "./thread/main_side.ts";

/** The objects that the handlers use. */
export interface HandlerParts {
  thread: WorkerThread<DataCalls>;
  /** Returns the current name of the parent. */
  name: () => string;
  readiness: Readiness;
  events: EventHistory;
  /** Returns the options of the interface for `config.show`. */
  config: () => Result<"config.show">;
  /** Returns the number of clients that the control socket has disconnected. */
  clientsEnded: () => number;
  /** Returns the counters of the HCA's device by name. */
  deviceCounters: () => Record<string, number>;
  /** Stops the interface, and the process if it is the last one. */
  stop: () => void;
}

/** Creates the handlers. */
export function interfaceHandlers(
  parts: HandlerParts,
): HandlersOf<MethodOf<"interface">> {
  const { thread, name, readiness, events, config, stop } = parts;
  const forwarded = forward("interface", thread);
  const own = {
    ...events.handlers(),
    "wait": async ({ name: which = name() }, { signal }) => {
      await readiness.running(which, signal);
      return {};
    },
    "config.show": ({ name: which = name() }) => {
      if (which === name()) return config();
      throw new IpoibError("E_NOT_PARENT", `${which} is a child interface`, {
        errno: Errno.EINVAL,
        hint: `use its parent ${name()}`,
      });
    },
    "down": async ({ name: which }, context) => {
      if (which === name()) context.afterReply(stop);
      else await thread.call("link.del", { name: which }, context.namespace);
      return {};
    },
  } satisfies HandlersOf<MethodOf<"interface", "process">>;
  return {
    ...forwarded,
    ...own,
    // The main thread owns the counter of the control socket, and reads those of the device, which may take long.
    "stats": async (params, context) => {
      const records = await forwarded.stats(params, context);
      const device = parts.deviceCounters();
      for (const { counters } of records) Object.assign(counters, device);
      const parent = records.find(({ ifname }) => ifname === name());
      if (parent) parent.counters.control_clients_ended = parts.clientsEnded();
      return records;
    },
  };
}
