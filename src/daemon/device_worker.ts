/**
 * Worker entry of the device thread, which makes the system calls of a data worker that wait for the kernel: see
 * device_thread.ts. It has the capabilities of the data worker, which starts it.
 */

import { ring } from "../system/event_fd.ts";
import { type DeviceTask, runTask } from "./device_tasks.ts";
import type { DeviceStart } from "./device_thread.ts";

// The project's `lib` types describe the global scope of the main thread.
const port = self as unknown as {
  onmessage: (event: MessageEvent<DeviceStart | DeviceTask>) => void;
};
let start: DeviceStart;

port.onmessage = ({ data }) => {
  if (data.type === "start") {
    start = data;
    return;
  }
  Atomics.store(start.state, 1, runTask(data));
  Atomics.add(start.state, 0, 1);
  Atomics.notify(start.state, 0);
  ring(start.doorbell);
};
