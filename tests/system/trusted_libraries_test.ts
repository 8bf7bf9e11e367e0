import { assertEquals } from "@std/assert";
import { trustNoLibraryVariables } from "../../src/system/trusted_libraries.ts";

const NAMES = ["RDMAV_DRIVERS", "IBV_DRIVERS"];

Deno.test("trustNoLibraryVariables() removes the names of drivers where the process has more rights than its user", () => {
  const values = () => NAMES.map((name) => Deno.env.get(name));
  for (const name of NAMES) Deno.env.set(name, "/tmp/driver");
  try {
    trustNoLibraryVariables(false);
    assertEquals(values(), ["/tmp/driver", "/tmp/driver"]);
    // The tests run with the rights of their user.
    trustNoLibraryVariables();
    assertEquals(values(), ["/tmp/driver", "/tmp/driver"]);
    trustNoLibraryVariables(true);
    assertEquals(values(), [undefined, undefined]);
  } finally {
    for (const name of NAMES) Deno.env.delete(name);
  }
});
