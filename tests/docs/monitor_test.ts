/** docs/monitor.md describes every event. */

import { assertStringIncludes } from "@std/assert";
import { EVENTS, SUPPRESSED } from "../../src/base/events.ts";

Deno.test("docs/monitor.md names every kind and every event", async () => {
  const path = new URL("../../docs/monitor.md", import.meta.url);
  const text = await Deno.readTextFile(path);
  for (const word of [SUPPRESSED, ...Object.entries(EVENTS).flat(2)]) {
    assertStringIncludes(text, `\`${word}\``);
  }
});
