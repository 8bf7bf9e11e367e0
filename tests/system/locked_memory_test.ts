import { assert, assertEquals } from "@std/assert";
import {
  lockedMemory,
  memoryShortage,
} from "../../src/system/locked_memory.ts";

const MIB = 1024 * 1024;

Deno.test("memoryShortage() names the bytes that are needed and allowed, and the remedy", () => {
  const memory = { allowed: 8 * MIB, pinned: 3 * MIB };
  assertEquals(memoryShortage("packets", 5 * MIB, memory), undefined);
  const { code, errno, message, hint } = memoryShortage(
    "packets",
    5 * MIB + 1,
    memory,
  )!;
  assertEquals([code, errno], ["E_MEMLOCK", 12]);
  assertEquals(
    message,
    "Too little locked memory for packets: 8392704 bytes are needed, 8388608 are allowed",
  );
  for (const remedy of ["ulimit -l", "LimitMEMLOCK=", "CAP_IPC_LOCK"]) {
    assert(hint!.includes(remedy), hint);
  }
});

Deno.test("memoryShortage() allows everything without a limit", () => {
  const memory = { allowed: Infinity, pinned: 3 * MIB };
  assertEquals(memoryShortage("packets", 2 ** 40, memory), undefined);
});

Deno.test("lockedMemory() has the limit of a process without CAP_IPC_LOCK", async () => {
  const url = (path: string) =>
    JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
  const code = `
    import { libc } from ${url("ffi/libc.ts")};
    import { keepCapabilities } from ${url("src/system/capability.ts")};
    import { lockedMemory } from ${url("src/system/locked_memory.ts")};
    const limits = new BigUint64Array([65536n, 65536n]);
    libc().setrlimit(8, new Uint8Array(limits.buffer));
    keepCapabilities([]);
    console.log(JSON.stringify(lockedMemory()));`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--frozen", code],
    stderr: "inherit",
  }).output();
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), {
    allowed: 65536,
    pinned: 0,
  });
  assertEquals(lockedMemory().pinned, 0);
});
