/** The data worker, which also writes the size of its used heap in bytes to a file before each reply. */

import "../../../src/daemon/data_worker.ts";
import { runtimeDirectory } from "../../../src/ipc/locate.ts";
import type { FromWorker } from "../../../src/daemon/thread/protocol.ts";
import { heapFile } from "./file.ts";

const scope = self as unknown as { postMessage(message: FromWorker): void };
const post = scope.postMessage.bind(scope);
const file = heapFile(runtimeDirectory(), Deno.pid);

scope.postMessage = (message) => {
  if (message.type === "reply") {
    Deno.writeTextFileSync(file, String(Deno.memoryUsage().heapUsed));
  }
  post(message);
};
