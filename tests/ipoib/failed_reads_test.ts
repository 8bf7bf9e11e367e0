/** Failed reads of the network device. */

import { assertEquals } from "@std/assert";
import { Errno } from "../../src/base/errno.ts";
import { logLines, Rig } from "./rig.ts";

Deno.test("a failed read of the network device is counted as an error, and logged", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  logLines.length = 0;
  a.netdev.onReadFailed(Errno.EINVAL);
  assertEquals([a.totals.tx_errors, a.totals.tx_dropped], [1, 0]);
  assertEquals(logLines, [
    "ib1: warning: Cannot read from the network device: Invalid argument; reading continues",
  ]);
  rig.check();
});
