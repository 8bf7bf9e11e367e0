import { assertEquals } from "@std/assert";
import {
  Cleanup,
  countFailures,
  workAndCleanUp,
} from "../../scripts/cleanup.ts";

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

Deno.test("workAndCleanUp() cleans up after success and after failure", async () => {
  const done: string[] = [];
  const good = await workAndCleanUp(
    (cleanup) => Promise.resolve(cleanup.add(() => void done.push("good"))),
    () => 1,
  );
  const bad = await workAndCleanUp((cleanup) => {
    cleanup.add(() => void done.push("bad"));
    return Promise.reject(new Error("broken"));
  }, (error) => (error as Error).message === "broken" ? 1 : 2);
  assertEquals([good, bad], [0, 1]);
  assertEquals(done, ["good", "bad"]);
});

Deno.test("countFailures() is 1 after any failure, 0 after none", async () => {
  const codes = [];
  for (const failures of [0, 3]) {
    codes.push(await countFailures(() => Promise.resolve(failures)));
  }
  assertEquals(codes, [0, 1]);
});
