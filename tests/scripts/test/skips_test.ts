import { assertEquals } from "@std/assert";
import { allowance } from "../../../scripts/test/skips.ts";

Deno.test("allowance() returns the reason of a listed skip, and undefined for others", () => {
  const list = [{ name: /needs an HCA/, because: "no hardware" }];
  assertEquals(
    allowance("test hca: opens a port, needs an HCA", list),
    "no hardware",
  );
  assertEquals(allowance("suite e2e: needs root", list), undefined);
});
