/** The system calls on the devices of children that wait for the kernel: see device_thread.ts. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { attachAtEgress } from "../netdev/next_hop_program/attach.ts";
import { closeAll } from "../system/fd.ts";
import { withNamespace } from "../system/namespace.ts";

/** A task. All descriptors stay open until its end, except those that it closes. */
export type DeviceTask =
  | {
    readonly type: "attach";
    /** Descriptor of a loaded classifier. */
    readonly program: number;
    /** Descriptor of the network namespace of the interface. */
    readonly netns: number;
    readonly ifindex: number;
  }
  | { readonly type: "close"; readonly descriptors: readonly number[] };

/** Runs a task in the calling thread. Returns a descriptor, 0, or a negative errno. */
export function runTask(task: DeviceTask): number {
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
