import { assertEquals } from "@std/assert";
import { eventRecord, MAX_EVENT_TEXT } from "../../src/base/events.ts";

Deno.test("the texts of an event have no control characters and a limited length", () => {
  const details = {
    subject: "10.0.0.1\x1b[2J",
    old: "a\nb",
    new: "\u009b2J",
    cause: "x".repeat(MAX_EVENT_TEXT + 1),
  };
  assertEquals(
    eventRecord(7, { name: "eth0\x1b[2J" }, "link", "moved", details),
    {
      "time_ms": 7,
      ifname: "eth0?[2J",
      kind: "link",
      event: "moved",
      subject: "10.0.0.1?[2J",
      old: "a?b",
      new: "?2J",
      cause: "x".repeat(MAX_EVENT_TEXT),
    },
  );
});
