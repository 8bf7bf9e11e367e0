import { assertEquals } from "@std/assert";
import { packagesOf } from "../../../scripts/test/packages.ts";

Deno.test("packagesOf() names each package once, in order", () => {
  assertEquals(packagesOf(["wrk", "ip", "nginx", "ip"]), [
    "iproute2",
    "nginx-light",
    "wrk",
  ]);
});
