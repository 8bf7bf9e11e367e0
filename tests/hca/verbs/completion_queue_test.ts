import { assertEquals, assertThrows } from "@std/assert";
import { Errno } from "../../../src/base/errno.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { CompletionQueue } from "../../../src/hca/verbs/completion_queue.ts";
import type { VerbsDevice } from "../../../src/hca/verbs/device.ts";

/** Returns a device whose ibv_modify_cq returns `result`; undefined for a provider without that operation. */
function deviceWith(result: number | undefined): VerbsDevice {
  const device = {
    name: "mlx5_0",
    context: 0n,
    library: { ibv_create_cq: () => 1n, ibv_destroy_cq: () => 0 },
    bind: () => ({ set() {}, call: () => 0 }),
    bindModifyCq: () =>
      result === undefined ? undefined : { set() {}, call: () => result },
  };
  return device as unknown as VerbsDevice;
}

Deno.test("CompletionQueue.moderate() gives a hint only if the device does not support moderation", () => {
  const failures = [undefined, Errno.EOPNOTSUPP, Errno.EINVAL].map((result) => {
    const queue = new CompletionQueue(deviceWith(result), 16, 0n);
    const error = assertThrows(
      () => queue.moderate({ rxUsecs: 16, rxFrames: 1 }),
      IpoibError,
    );
    queue.close();
    return [error.code, error.errno, error.hint];
  });
  assertEquals(failures, [
    ["E_MODERATION", Errno.EOPNOTSUPP, "device mlx5_0 has no moderation"],
    ["E_MODERATION", Errno.EOPNOTSUPP, "device mlx5_0 has no moderation"],
    ["E_MODERATION", Errno.EINVAL, undefined],
  ]);
});
