import { assertEquals } from "@std/assert";
import { packagesOf } from "../../../scripts/test/packages.ts";

Deno.test("packagesOf() returns sorted packages without duplicates", () => {
  assertEquals(packagesOf(["wrk", "ip", "nginx", "ip"]), [
    "iproute2",
    "nginx-light",
    "wrk",
  ]);
});
