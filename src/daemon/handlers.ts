/** What answers on an interface's control socket: most of it in the data worker, the rest here. */

import type { Handlers } from "../ipc/server.ts";
import type { Method } from "../ipc/schema.ts";
import type { Readiness } from "./readiness.ts";
import type { WorkerThread } from "./thread/main_side.ts";
import { VERSION } from "../ipc/version.ts";

export interface HandlerParts {
  thread: WorkerThread;
  /** The parent's name at this time. */
  name: () => string;
  /** Inode of the namespace that the parent is in. */
  namespace: () => number;
  readiness: Readiness;
  /** Ends the interface, and the process if it is the last one. */
  stop: () => void;
}

/** Methods that the data worker answers. */
const inWorker = [
  "link.show",
  "link.set",
  "link.add",
  "link.del",
  "neigh.show",
  "neigh.flush",
  "neigh.add",
  "neigh.del",
  "path.show",
  "mcg.show",
  "get",
  "set",
  "child.create",
  "child.delete",
  "child.list",
  "stats",
  "coalesce.get",
  "coalesce.set",
  "driver",
  "features",
  "debug.heap",
  "subnet.show",
] as const satisfies readonly Method[];

export function controlHandlers(parts: HandlerParts): Handlers {
  const { thread, name, namespace, readiness, stop } = parts;
  const forwarded = Object.fromEntries(
    inWorker.map((method) => [
      method,
      (params: unknown) => thread.call(method, params),
    ]),
  ) as Handlers;
  return {
    ...forwarded,
    "version": async () => {
      const children = await thread.call<{ ifname: string }[]>("child.list");
      return {
        version: VERSION,
        pid: Deno.pid,
        interfaces: [name(), ...children.map((child) => child.ifname)],
        namespace: namespace(),
      };
    },
    "wait": async ({ name: which = name() }, { signal }) => ({
      ifname: which,
      state: await readiness.running(which, signal),
    }),
    "down": async ({ name: which }, context) => {
      if (which === name()) {
        context.afterReply(stop);
        return {};
      }
      return await thread.call("link.del", { name: which });
    },
    "stop": (_params, context) => {
      context.afterReply(stop);
      return {};
    },
  };
}
