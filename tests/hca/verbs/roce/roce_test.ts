import { assertEquals } from "@std/assert";
import { overEthernet } from "../../../../src/hca/verbs/roce/roce.ts";
import { parseGid } from "../../../../src/wire/gid.ts";

Deno.test("overEthernet() sets the port's own rate and source GID", () => {
  const grh = {
    dgid: parseGid("fe80::2")!,
    flowLabel: 1,
    hopLimit: 64,
    trafficClass: 2,
    sgidIndex: 0,
  };
  assertEquals(overEthernet({ dlid: 0, sl: 1, staticRate: 3, grh }, 5), {
    dlid: 0,
    sl: 1,
    staticRate: 0,
    grh: { ...grh, sgidIndex: 5 },
  });
});
