import { assertEquals } from "@std/assert";
import { portEvent } from "../../../src/hca/verbs/async_events.ts";

Deno.test("portEvent() converts the events of a port", () => {
  const types = [9, 10, 11, 12, 13, 17, 18].map((type) =>
    portEvent(type, 1, 1)?.type
  );
  assertEquals(types, [
    "port_active",
    "port_error",
    "lid_change",
    "pkey_change",
    "sm_change",
    "client_reregister",
    "gid_change",
  ]);
});

Deno.test("portEvent() ignores events of other ports and of other objects", () => {
  assertEquals(portEvent(9, 2, 1), undefined);
  assertEquals([0, 1, 4, 16].map((type) => portEvent(type, 1, 1)), [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("portEvent() reports a fatal error of the device for every port", () => {
  assertEquals(portEvent(8, 0, 3)?.type, "device_fatal");
});
