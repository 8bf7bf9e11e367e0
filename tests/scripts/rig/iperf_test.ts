import { assertEquals } from "@std/assert";
import { tailBytes } from "../../../scripts/rig/iperf.ts";

Deno.test("tailBytes() returns the bytes of each stream in the last intervals", () => {
  const interval = (start: number, ...bytes: number[]) => ({
    streams: bytes.map((each, i) => ({ socket: 5 + i, start, bytes: each })),
  });
  const text = JSON.stringify({
    intervals: [interval(0, 7, 8), interval(1.0001, 1, 2), interval(2, 3, 0)],
  });
  assertEquals(tailBytes(text, 1), [4, 2]);
  assertEquals(tailBytes(text, 1.5), [3, 0]);
});
