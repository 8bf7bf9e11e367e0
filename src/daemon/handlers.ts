/** Handlers of the control socket of an interface. Most of them forward the call to the data worker. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { isSameName } from "../base/qualified_name.ts";
import type { Method, MethodOf, Result, UpgradeRecord } from "../ipc/schema.ts";
import type { Handler, HandlersOf } from "../ipc/server.ts";
import type { DataCalls } from "./commands/context.ts";
import type { EventHistory } from "./event_history.ts";
import type { InterfacePlaces } from "./interface_places.ts";
import type { Readiness } from "./readiness.ts";
import { forward } from "./thread/forward.ts";
import type { Service } from "./thread/service.ts";

/** The objects that the handlers use. */
export interface HandlerParts {
  service: Service<DataCalls>;
  /** The names of the interfaces. */
  places: Pick<InterfacePlaces, "parent" | "find">;
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
  /** Called after a method that may have changed the configuration. The reply waits for the result. */
  changed: () => Promise<void>;
  /** Prepares the process for `ipoib upgrade`. */
  upgrade: () => UpgradeRecord;
}

/** Methods that change what is stored of an interface (restart/saved_interface.ts). */
const CHANGING = [
  "link.set",
  "link.add",
  "link.del",
  "neigh.add",
  "neigh.del",
  "set",
  "param.set",
  "child.create",
  "child.delete",
  "coalesce.set",
  "rings.set",
  "features.set",
] as const satisfies readonly MethodOf<"interface", "worker">[];

/** Creates the handlers. */
export function interfaceHandlers(
  parts: HandlerParts,
): HandlersOf<MethodOf<"interface">> {
  const { service, places, readiness, events, config, stop } = parts;
  const isParent = (name: string | undefined, namespace: bigint | undefined) =>
    isSameName(places.find(name, namespace), places.parent);
  const forwarded = forward("interface", service);
  const own = {
    ...events.handlers(places),
    "wait": async ({ name }, { signal, namespace }) => {
      await readiness.running(places.find(name, namespace), signal);
      return {};
    },
    "config.show": ({ name }, { namespace }) => {
      if (isParent(name, namespace)) return config();
      throw new IpoibError("E_NOT_PARENT", `${name} is a child interface`, {
        errno: Errno.EINVAL,
        hint: `use its parent ${places.parent.name}`,
      });
    },
    "down": async ({ name }, { namespace, afterReply }) => {
      if (isParent(name, namespace)) afterReply(stop);
      else await service.call("link.del", { name }, namespace);
      return {};
    },
    "upgrade": () => parts.upgrade(),
  } satisfies HandlersOf<MethodOf<"interface", "process">>;
  return {
    ...forwarded,
    ...noting(forwarded, parts.changed),
    ...own,
    // The main thread owns the counter of the control socket, and reads those of the device, which may take long.
    "stats": async (params, context) => {
      const records = await forwarded.stats(params, context);
      const device = parts.deviceCounters();
      for (const { counters } of records) Object.assign(counters, device);
      const parent = isParent(params.name, context.namespace)
        ? records.find(({ ifname }) => ifname === places.parent.name)
        : undefined;
      if (parent) parent.counters.control_clients_ended = parts.clientsEnded();
      return records;
    },
  };
}

/** Returns the handlers of {@linkcode CHANGING}, which wait for `changed` before they reply. */
function noting(
  handlers: HandlersOf<typeof CHANGING[number]>,
  changed: () => Promise<void>,
): HandlersOf<typeof CHANGING[number]> {
  const wrap =
    <M extends Method>(handler: Handler<M>): Handler<M> =>
    async (params, context) => {
      const result = await handler(params, context);
      await changed();
      return result;
    };
  // TypeScript cannot relate a method to the type of its handler.
  return Object.fromEntries(
    CHANGING.map((
      method,
    ) => [method, wrap(handlers[method] as Handler<Method>)]),
  ) as unknown as HandlersOf<typeof CHANGING[number]>;
}
