import { assertEquals } from "@std/assert";
import { deviceFileFailure } from "../../../src/hca/verbs/access.ts";

Deno.test("deviceFileFailure() tells a missing module from a missing permission", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/umad0`, "");
    assertEquals(deviceFileFailure("umad", folder), {
      errno: 13,
      hint: `see whether ${folder}/umad* is open to this user`,
    });
    assertEquals(deviceFileFailure("uverbs", folder), {
      errno: 2,
      hint: "load the kernel module ib_uverbs",
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
