/**
 * Worker entry of the device thread, which makes the system calls of a data worker that wait for the kernel: see
 * device_thread.ts. It has the capabilities of the data worker, which starts it.
 */

import { IpoibError } from "../base/errors.ts";
import { Errno } from "../base/errno.ts";
import { attachAtEgress } from "../netdev/next_hop_program/attach.ts";
import { ring } from "../system/event_fd.ts";
import { closeAll } from "../system/fd.ts";
import { withNamespace } from "../system/namespace.ts";
import type { DeviceStart, DeviceTask } from "./device_thread.ts";

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
  Atomics.store(start.state, 1, run(data));
  Atomics.add(start.state, 0, 1);
  Atomics.notify(start.state, 0);
  ring(start.doorbell);
};

/** Runs a task. Returns a descriptor, 0, or a negative errno. */
function run(task: DeviceTask): number {
  if (task.type === "close") {
    closeAll(task.descriptors);
    return 0;
  }
  try {
    return withNamespace(
      task.netns,
      () => attachAtEgress({ number: task.program }, task.ifindex),
    ).release();
  } catch (error) {
    return -(IpoibError.from(error).errno ?? Errno.EIO);
  }
}
