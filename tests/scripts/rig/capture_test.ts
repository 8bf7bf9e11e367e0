import { assertEquals } from "@std/assert";
import { framesOf } from "../../../scripts/rig/capture.ts";

Deno.test("framesOf() parses the frames that socat -x prints, over several lines", () => {
  const header = " 00".repeat(20);
  const text =
    `> 2026/11/29 09:05:41.000387587  length=27 from=0 to=26\n${header}\n 86 dd 00 00 60 0a ff\n` +
    `< 2026/11/29 09:05:42.000000001  length=25 from=27 to=51\n${header} 08 06 00 00 01\n` +
    "2026/11/29 09:05:43 socat[5] W exiting on signal 15\n";
  assertEquals(
    framesOf(text).map(({ etherType, packet }) => [etherType, packet.toHex()]),
    [[0x86dd, "600aff"], [0x0806, "01"]],
  );
});
