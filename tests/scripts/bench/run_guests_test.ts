import { assertEquals, assertStringIncludes } from "@std/assert";
import type {
  GuestMeasurement,
  Measure,
} from "../../../scripts/bench/guests/guest_measurement.ts";
import { runGuests } from "../../../scripts/bench/guests/run_guests.ts";
import { Cleanup } from "../../../scripts/cleanup.ts";

const TIMES = { repeats: 2, seconds: 3 };

/** Returns a measurement with one stage, and the list of steps that it records. */
function measurementOf(
  subjects: Record<string, Measure>,
  start: () => Promise<void> = () => Promise.resolve(),
): { measurement: GuestMeasurement; steps: string[] } {
  const steps: string[] = [];
  const step = (name: string) => {
    steps.push(name);
    return Promise.resolve();
  };
  const measurement: GuestMeasurement = {
    name: "guests",
    columns: [],
    packages: {},
    stages: [{
      quantities: [{ name: "TCP", unit: "Gbit/s", better: "more" }],
      subjects,
      prepare: () => step("prepare"),
    }],
    start: async () => {
      await step("start");
      await start();
    },
    stop: () => step("stop"),
  };
  return { measurement, steps };
}

Deno.test("runGuests() measures the subjects in turn and stops the machines once", async () => {
  const order: string[] = [];
  const subject = (name: string): Measure => (seconds) => {
    order.push(name);
    return Promise.resolve([seconds + order.length]);
  };
  const { measurement, steps } = measurementOf({
    a: subject("a"),
    b: subject("b"),
  });
  const cleanup = new Cleanup();
  const { series, failures } = await runGuests(
    measurement,
    TIMES,
    () => {},
    cleanup,
  );
  await cleanup.run();
  assertEquals(order, ["a", "b", "a", "b"]);
  assertEquals(series[0]?.values, { a: [4, 6], b: [5, 7] });
  assertEquals(failures, []);
  assertEquals(steps, ["start", "prepare", "stop"]);
});

Deno.test("runGuests() continues after the failure of a subject and reports it", async () => {
  const { measurement } = measurementOf({
    a: () => Promise.reject(new Error("no route")),
    b: () => Promise.resolve([1]),
  });
  const { series, failures } = await runGuests(
    measurement,
    TIMES,
    () => {},
    new Cleanup(),
  );
  assertEquals(series[0]?.values, { a: [NaN, NaN], b: [1, 1] });
  assertStringIncludes(failures[0]!, "1/2 a failed: no route");
});

Deno.test("runGuests() does not stop machines that have not started", async () => {
  const { measurement, steps } = measurementOf(
    {},
    () => Promise.reject(new Error("no kernel")),
  );
  const { failures } = await runGuests(
    measurement,
    TIMES,
    () => {},
    new Cleanup(),
  );
  assertEquals(steps, ["start"]);
  assertStringIncludes(failures[0]!, "no kernel");
});
