import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { attributesAfterEvent } from "../../../src/hca/verbs/port_attributes.ts";
import type { PortAttributes } from "../../../src/hca/hca.ts";

const before = { device: "mlx5_0", state: "active", lid: 3 } as PortAttributes;

Deno.test("attributesAfterEvent() returns the queried attributes", () => {
  const counted = new VerbsCounters();
  const after = { ...before, lid: 4 };
  assertEquals(attributesAfterEvent(() => after, before, counted), after);
  assertEquals(counted.get("query_failed"), 0);
});

Deno.test("attributesAfterEvent() returns a port as down that cannot be queried, and counts it", () => {
  const counted = new VerbsCounters();
  const fail = () => {
    throw new IpoibError("E_VERBS", "Cannot query port 1 of mlx5_0");
  };
  assertEquals(attributesAfterEvent(fail, before, counted), {
    ...before,
    state: "down",
  });
  assertEquals(counted.get("query_failed"), 1);
  const bug = () => {
    throw new TypeError("no");
  };
  assertThrows(() => attributesAfterEvent(bug, before, counted), TypeError);
});
