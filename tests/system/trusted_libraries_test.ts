import { assertEquals } from "@std/assert";
import { unsetLibraryVariables } from "../../src/system/trusted_libraries.ts";

const NAMES = ["RDMAV_DRIVERS", "IBV_DRIVERS"];

Deno.test("unsetLibraryVariables() removes the driver variables in secure-execution mode only", () => {
  const values = () => NAMES.map((name) => Deno.env.get(name));
  for (const name of NAMES) Deno.env.set(name, "/tmp/driver");
  try {
    unsetLibraryVariables(false);
    assertEquals(values(), ["/tmp/driver", "/tmp/driver"]);
    // The test process is not in secure-execution mode.
    unsetLibraryVariables();
    assertEquals(values(), ["/tmp/driver", "/tmp/driver"]);
    unsetLibraryVariables(true);
    assertEquals(values(), [undefined, undefined]);
  } finally {
    for (const name of NAMES) Deno.env.delete(name);
  }
});
