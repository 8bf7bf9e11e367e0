/** The quick scenarios of `deno task torture resources`. */

import { SCENARIOS } from "../../scripts/torture/resources/run_resources.ts";
import { Lab } from "../e2e/harness/mod.ts";
import { testWhere } from "../test_where.ts";

for (const { name, expected, quick, missing, run } of SCENARIOS) {
  if (!quick) continue;
  testWhere(missing?.(), `${name}: ${expected}`, async () => {
    await using lab = await Lab.open();
    await run(lab);
  });
}
