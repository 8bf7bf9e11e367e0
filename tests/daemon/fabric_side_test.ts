/** The main-thread part of a port of a device. */

import { assertEquals, assertRejects } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { fabricSide } from "../../src/daemon/fabric_side.ts";

/** A device that no host has. */
const DEVICE = "ibx99";

/** Counts the workers that are created until disposal. */
function countWorkers(): { count: number } & Disposable {
  const { Worker } = globalThis;
  const counted = {
    count: 0,
    [Symbol.dispose]: () => void (globalThis.Worker = Worker),
  };
  globalThis.Worker = class extends Worker {
    constructor(script: string | URL, options?: WorkerOptions) {
      super(script, options);
      counted.count++;
    }
  };
  return counted;
}

function verbsSide() {
  return fabricSide(
    { kind: "verbs", device: DEVICE, port: 1 },
    { name: "ib0", log: "silent" },
    "host",
  );
}

Deno.test("prepare() loads the worker without the device, and start() uses it", async () => {
  using workers = countWorkers();
  const runtime = await Deno.makeTempDir();
  Deno.env.set("IPOIB_RUNTIME_DIR", runtime);
  try {
    const side = verbsSide();
    await side.prepare?.();
    assertEquals(workers.count, 1);
    // The host has no such device, or no library.
    await assertRejects(() => side.start(), IpoibError);
    assertEquals(workers.count, 1);
    await side.close();
  } finally {
    Deno.env.delete("IPOIB_RUNTIME_DIR");
    await Deno.remove(runtime, { recursive: true });
  }
});

Deno.test("close() ends a worker that was not started", async () => {
  using workers = countWorkers();
  const side = verbsSide();
  await side.prepare?.();
  await side.close();
  assertEquals(workers.count, 1);
});
