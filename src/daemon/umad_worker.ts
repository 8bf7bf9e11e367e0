/** Worker entry: libibumad for one port, see hca/verbs/umad_port.ts. */

import { IpoibError } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import { UmadPort } from "../hca/verbs/umad_port.ts";
import { keepCapabilities } from "../system/capability.ts";
import { openReactor } from "../system/open_reactor.ts";
import { serve } from "./thread/worker_side.ts";

/** What the worker is started with. */
export interface UmadInit {
  log: LogLevel;
  device: string;
  port: number;
  /** The worker's end of the socket pair; the worker closes it at its end. */
  socket: number;
}

serve<UmadInit>(
  () => openReactor("poll", () => {}),
  ({ device, port, socket }, reactor) => {
    // The device's file decides who may open it.
    keepCapabilities([]);
    const umad = new UmadPort({ reactor, device, port, socket });
    return {
      command: (name) => {
        throw new IpoibError("E_COMMAND", `Command "${name}" is not known`);
      },
      close: () => umad.close(),
    };
  },
);
