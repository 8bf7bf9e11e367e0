/** What answers on a subnet's own control socket: most of it in the manager's worker, the rest here. */

import { VERSION } from "../../ipc/version.ts";
import type { Handlers } from "../../ipc/server.ts";
import type { Method, ReloadRecord } from "../../ipc/schema.ts";
import { inTurn } from "../thread/in_turn.ts";
import type { WorkerThread } from "../thread/main_side.ts";

/** What the handlers need of the seat. */
export interface ControlParts {
  thread: WorkerThread;
  /** Reads the partitions again, or another file instead. */
  reload(file?: string): Promise<ReloadRecord>;
  /** The manager dies. */
  kill(): void;
  /** Ends the process; absent if `stop` on the subnet's socket shall not. */
  stop: (() => void) | undefined;
}

/** Methods that the manager's worker answers; `subnet.show`, which can be large, beside them. */
const inWorker = [
  "subnet.fault.show",
  "subnet.fault.set",
  "subnet.fault.clear",
  "subnet.port",
] as const satisfies readonly Method[];

export function subnetHandlers(parts: ControlParts): Handlers {
  const { thread, reload, kill, stop } = parts;
  const callInTurn = inTurn(thread);
  const forwarded = Object.fromEntries(
    inWorker.map((method) => [
      method,
      (params: unknown) => thread.call(method, params),
    ]),
  ) as Handlers;
  return {
    ...forwarded,
    "subnet.show": (params, context) =>
      callInTurn("subnet.show", params, context),
    "version": () => ({ version: VERSION, pid: Deno.pid, interfaces: [] }),
    "subnet.reload": ({ partitions }) => reload(partitions),
    "subnet.kill": (_params, context) => {
      context.afterReply(kill);
      return {};
    },
    ...(stop
      ? {
        "stop": (_params, context) => {
          context.afterReply(stop);
          return {};
        },
      } satisfies Handlers
      : {}),
  };
}
