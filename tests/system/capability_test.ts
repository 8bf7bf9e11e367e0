import { assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { Capability, hasCapability } from "../../src/system/capability.ts";

/** Reads the effective set from /proc. */
function effective(): bigint {
  const status = Deno.readTextFileSync("/proc/thread-self/status");
  return BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)![1]}`);
}

Deno.test("hasCapability() agrees with /proc for every capability", () => {
  libc();
  const set = effective();
  for (let capability = 0; capability < 41; capability++) {
    assertEquals(
      hasCapability(capability),
      (set >> BigInt(capability) & 1n) === 1n,
      `capability ${capability}`,
    );
  }
  assertEquals(hasCapability(Capability.NetAdmin), (set >> 12n & 1n) === 1n);
});
