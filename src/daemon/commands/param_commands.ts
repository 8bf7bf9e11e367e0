/**
 * Commands `param.show` and `param.set`: the module parameters of ib_ipoib (Linux ipoib_main.c, ipoib_multicast.c), and
 * the minimum level of the log.
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { LOG_LEVELS } from "../../base/log_level.ts";
import {
  LOG_LEVEL,
  PARAMETERS,
  READ_ONLY_PARAMETERS,
  WRITABLE_PARAMETERS,
} from "../../ipc/schema.ts";
import type { DebugLevels } from "../../ipoib/debug_log.ts";
import type { CommandContext, DataCommands } from "./context.ts";
import { scanInteger } from "./kernel_numbers.ts";
import { invalid } from "./settings.ts";

/** Writable parameters, with their members of {@linkcode DebugLevels}. */
const LEVELS: Readonly<
  Record<typeof WRITABLE_PARAMETERS[number], keyof DebugLevels>
> = {
  "debug_level": "debug",
  "mcast_debug_level": "multicast",
  "data_debug_level": "data",
};

/** Read-only parameters. */
const SIZES: Readonly<
  Record<
    typeof READ_ONLY_PARAMETERS[number],
    (context: CommandContext) => number
  >
> = {
  "send_queue_size": ({ device }) => device.parent.sendQueueSize,
  "recv_queue_size": ({ device }) => device.parent.receiveQueueSize,
};

export const paramCommands = {
  "param.show": (context) => [
    ...READ_ONLY_PARAMETERS.map((param) => ({
      param,
      value: SIZES[param](context),
      writable: false,
    })),
    ...WRITABLE_PARAMETERS.map((param) => ({
      param,
      value: context.device.debugLevels[LEVELS[param]],
      writable: true,
    })),
    { param: LOG_LEVEL, value: context.log.level, writable: true },
  ],
  "param.set": ({ device, log }, { param, value }) => {
    if (param === LOG_LEVEL) {
      log.level = LOG_LEVELS.find((each) => each === value) ??
        invalid(param, value, `levels: ${LOG_LEVELS.join(", ")}`);
      return {};
    }
    if (READ_ONLY_PARAMETERS.some((each) => each === param)) {
      throw new IpoibError(
        "E_FILE_MODE",
        `Parameter ${param} can only be read`,
        { errno: Errno.EACCES },
      );
    }
    const known = WRITABLE_PARAMETERS.find((each) => each === param);
    if (known === undefined) {
      throw new IpoibError("E_NO_FILE", `Parameter ${param} does not exist`, {
        errno: Errno.ENOENT,
        hint: `available parameters: ${PARAMETERS.join(", ")}`,
      });
    }
    device.debugLevels[LEVELS[known]] = scanInteger(value) ??
      invalid(param, value);
    return {};
  },
} satisfies Partial<DataCommands>;
