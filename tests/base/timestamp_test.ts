import { assertEquals } from "@std/assert";
import { localTimestamp } from "../../src/base/timestamp.ts";

Deno.test("localTimestamp() has milliseconds and the offset of the time zone", () => {
  const time = new Date(Date.UTC(2026, 10, 30, 23, 5, 9, 7));
  for (
    const [offset, text] of [
      [0, "2026-11-30T23:05:09.007+00:00"],
      [60, "2026-12-01T00:05:09.007+01:00"],
      [-210, "2026-11-30T19:35:09.007-03:30"],
      [-30, "2026-11-30T22:35:09.007-00:30"],
    ] as const
  ) {
    assertEquals(localTimestamp(time, offset), text);
  }
});
