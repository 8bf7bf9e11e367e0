/** Command of `ipoib capture`. */

import { DEFAULT_CAPTURE_BYTES } from "../../ipc/schema.ts";
import { type DataCommands, findInterface } from "./context.ts";

export const captureCommands = {
  "capture.start": (context, { name, edges, bytes }) =>
    context.captures.start(
      findInterface(context, name),
      edges,
      bytes ?? DEFAULT_CAPTURE_BYTES,
    ),
} satisfies Partial<DataCommands>;
