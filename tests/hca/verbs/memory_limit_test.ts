/** The limit on locked memory is checked before memory is registered with a device. */

import { assertEquals, assertMatch } from "@std/assert";

/** Runs code in a process without CAP_IPC_LOCK that may lock `limit` bytes. Returns what it prints, parsed as JSON. */
async function limited(limit: number, code: string): Promise<unknown> {
  const url = (path: string) =>
    JSON.stringify(new URL(`../../../${path}`, import.meta.url).href);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--frozen",
      `import { libc } from ${url("ffi/libc.ts")};
       import { VerbsSendMemory } from ${url("src/hca/verbs/send_memory.ts")};
       import { keepCapabilities } from ${url("src/system/capability.ts")};
       import { FakeVerbs } from ${url("tests/hca/verbs/fake_verbs.ts")};
       const limits = new BigUint64Array([${limit}n, ${limit}n]);
       libc().setrlimit(8, new Uint8Array(limits.buffer));
       keepCapabilities([]);
       ${code}`,
    ],
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("memory beyond the limit is refused before it is registered, and the error names the bytes and the remedy", async () => {
  const { calls, errors } = await limited(
    8_388_608,
    `
    let calls = 0;
    const { library } = new FakeVerbs();
    const counted = {
      ...library,
      ibv_reg_mr: (...args) => (calls++, library.ibv_reg_mr(...args)),
    };
    const errors = [];
    const open = (...args) => {
      try {
        new VerbsSendMemory(counted, 0n, ...args).close();
      } catch (error) {
        errors.push(error.toJSON());
      }
    };
    open(true);
    open(false);
    open(false, 4096);
    open(true, 64);
    console.log(JSON.stringify({ calls, errors }));`,
  ) as {
    calls: number;
    errors: Record<"code" | "message" | "hint", string>[];
  };
  assertEquals(calls, 2, "without large sends, and with few of them");
  assertEquals(errors.map(({ code }) => code), ["E_MEMLOCK", "E_MEMLOCK"]);
  for (const { message, hint } of errors) {
    assertMatch(
      message,
      /^Too little locked memory for packets: \d{8} bytes are needed, 8388608 are allowed$/,
    );
    assertMatch(hint, /ulimit -l.*LimitMEMLOCK=.*CAP_IPC_LOCK/);
  }
});
