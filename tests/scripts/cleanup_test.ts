import { assertEquals } from "@std/assert";
import {
  Cleanup,
  countFailures,
  workAndCleanUp,
} from "../../scripts/cleanup.ts";

Deno.test("Cleanup.run() runs all actions once in reverse order, even if some fail", async () => {
  const cleanup = new Cleanup();
  const done: string[] = [];
  cleanup.add(() => void done.push("first"));
  cleanup.add(() => {
    throw new Error("broken");
  });
  cleanup.add(async () => {
    await Promise.resolve();
    done.push("last");
  });
  await Promise.all([cleanup.run(), cleanup.run()]);
  await cleanup.run();
  assertEquals(done, ["last", "first"]);
});

Deno.test("workAndCleanUp() runs the cleanup after success and after failure", async () => {
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

Deno.test("countFailures() returns 1 after failures, 0 otherwise", async () => {
  const codes = [];
  for (const failures of [0, 3]) {
    codes.push(await countFailures(() => Promise.resolve(failures)));
  }
  assertEquals(codes, [0, 1]);
});
