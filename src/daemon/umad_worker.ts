/**
 * Worker entry of the libibumad worker of one port: see hca/verbs/umad_port.ts. Before it has started, it emits the
 * event `connections` with {@linkcode UmadPort.connections}.
 */

import { IpoibError } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import { UmadPort } from "../hca/verbs/umad_port.ts";
import { keepCapabilities } from "../system/capability.ts";
import { openReactor } from "../system/open_reactor.ts";
import { serve } from "./thread/worker_side.ts";

/** Parameters of the worker. */
export interface UmadInit {
  log: LogLevel;
  device: string;
  port: number;
  /** Descriptor of the worker's end of the socket pair. The worker closes it. */
  socket: number;
}

serve<UmadInit>(
  () => openReactor("poll", () => {}),
  ({ device, port, socket }, reactor, emit) => {
    // Access to the device depends only on the permissions of its file.
    keepCapabilities([]);
    const umad = new UmadPort({ reactor, device, port, socket });
    emit("connections", umad.connections);
    return {
      command: (name) => {
        throw new IpoibError("E_COMMAND", `Unknown command "${name}"`);
      },
      close: () => umad.close(),
    };
  },
);
