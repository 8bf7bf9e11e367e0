import { assertEquals } from "@std/assert";
import { Cleanup } from "../../scripts/cleanup.ts";

Deno.test("Cleanup.run() undoes last-made first, once, whatever fails", async () => {
  const cleanup = new Cleanup();
  const done: string[] = [];
  cleanup.add(() => void done.push("first made"));
  cleanup.add(() => {
    throw new Error("broken");
  });
  cleanup.add(async () => {
    await Promise.resolve();
    done.push("last made");
  });
  await Promise.all([cleanup.run(), cleanup.run()]);
  await cleanup.run();
  assertEquals(done, ["last made", "first made"]);
});
