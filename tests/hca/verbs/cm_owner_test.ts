import { assertEquals } from "@std/assert";
import { Errno } from "../../../src/base/errno.ts";
import { cmRefusal } from "../../../src/hca/verbs/cm_owner.ts";

Deno.test("cmRefusal() lists ib_cm and its users in the order in which they can be unloaded", async () => {
  const modules = await Deno.makeTempDir();
  for (
    const path of [
      ...["ib_cm/holders/ib_ipoib", "ib_cm/holders/rdma_cm"],
      ...["ib_ipoib/holders", "rdma_cm/holders/rdma_ucm", "rdma_ucm/holders"],
    ]
  ) await Deno.mkdir(`${modules}/${path}`, { recursive: true });
  assertEquals(
    cmRefusal("mlx5_0/1", Errno.EINVAL, modules),
    "the kernel module ib_cm manages the connections of mlx5_0/1; " +
      "to free them: rmmod ib_ipoib rdma_ucm rdma_cm ib_cm",
  );
  await Deno.remove(`${modules}/ib_cm`, { recursive: true });
  assertEquals(
    cmRefusal("mlx5_0/1", Errno.EINVAL, modules),
    "another program manages the connections of mlx5_0/1",
  );
  assertEquals(
    cmRefusal("mlx5_0/1", Errno.ENODEV, modules),
    "libibumad cannot register for the connections of mlx5_0/1: No such device",
  );
  await Deno.remove(modules, { recursive: true });
});
