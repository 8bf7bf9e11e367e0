/** Commands `param.show` and `param.set`: the module parameters of ib_ipoib (Linux ipoib_main.c, ipoib_multicast.c). */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { DEFAULT_RECV_QUEUE } from "../../ipoib/constants.ts";
import type { DebugLevels } from "../../ipoib/debug_log.ts";
import type { CommandContext, DataCommands } from "./context.ts";
import { scanInteger } from "./kernel_numbers.ts";
import { invalid } from "./settings.ts";

/** Writable parameters, with their members of {@linkcode DebugLevels}. */
const LEVELS: Readonly<Record<string, keyof DebugLevels>> = {
  "debug_level": "debug",
  "mcast_debug_level": "multicast",
  "data_debug_level": "data",
};

/** Read-only parameters. */
const SIZES: Readonly<Record<string, (context: CommandContext) => number>> = {
  "send_queue_size": ({ device }) => device.parent.sendQueueSize,
  "recv_queue_size": () => DEFAULT_RECV_QUEUE,
};

export const paramCommands = {
  "param.show": (context) => [
    ...Object.entries(SIZES).map(([param, read]) => ({
      param,
      value: read(context),
      writable: false,
    })),
    ...Object.entries(LEVELS).map(([param, level]) => ({
      param,
      value: context.device.debugLevels[level],
      writable: true,
    })),
  ],
  "param.set": ({ device }, { param, value }) => {
    if (Object.hasOwn(SIZES, param)) {
      throw new IpoibError(
        "E_FILE_MODE",
        `Parameter ${param} can only be read`,
        { errno: Errno.EACCES },
      );
    }
    if (!Object.hasOwn(LEVELS, param)) {
      throw new IpoibError("E_NO_FILE", `Parameter ${param} does not exist`, {
        errno: Errno.ENOENT,
        hint: `available parameters: ${
          [...Object.keys(SIZES), ...Object.keys(LEVELS)].join(", ")
        }`,
      });
    }
    device.debugLevels[LEVELS[param]!] = scanInteger(value) ??
      invalid(param, value);
    return {};
  },
} satisfies Partial<DataCommands>;
