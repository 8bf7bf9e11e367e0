/** main.ts and the system environment, in a process. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { writeText } from "../../src/cli/output.ts";
import { VERSION } from "../../src/ipc/version.ts";

const top = new URL("../../", import.meta.url);
const decoder = new TextDecoder();

/** Runs main.ts with these permissions and arguments. */
async function main(permissions: string[], words: string[], runtime = "/none") {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-check",
      ...permissions,
      "main.ts",
      ...words,
    ],
    cwd: top,
    env: { IPOIB_RUNTIME_DIR: runtime },
  }).output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

const READ = ["--allow-read", "--allow-env"];

Deno.test("main.ts prints help and version with read and environment permissions only", async () => {
  assertEquals(await main(READ, ["-V"]), {
    code: 0,
    out: `ipoib ${VERSION}\n`,
    err: "",
  });
  const help = await main(READ, ["--help"]);
  assertEquals([help.code, help.err], [0, ""]);
  assertStringIncludes(help.out, "Usage: ipoib");
});

Deno.test("main.ts exits with 1 for invalid arguments", async () => {
  const { code, out, err } = await main(READ, ["lnik"]);
  assertEquals([code, out], [1, ""]);
  assertStringIncludes(err, "did you mean link?");
});

Deno.test("main.ts looks up its own namespace, and exits with 3 if no interface is running", async () => {
  const runtime = await Deno.makeTempDir();
  const all = [
    ...READ,
    "--allow-ffi",
    "--allow-write",
    "--allow-net",
    "--allow-sys",
  ];
  const { code, out, err } = await main(all, ["link", "show"], runtime);
  assertEquals([code, out], [3, ""]);
  assertStringIncludes(err, "No interface is running");
  await Deno.remove(runtime, { recursive: true });
});

Deno.test("writeText() continues after short writes and ignores EPIPE", () => {
  const written: number[] = [];
  writeText({
    writeSync(bytes) {
      written.push(...bytes.subarray(0, 2));
      return Math.min(2, bytes.length);
    },
  }, "abcde");
  assertEquals(String.fromCharCode(...written), "abcde");
  let called = false;
  writeText({
    writeSync() {
      called = true;
      throw new Deno.errors.BrokenPipe();
    },
  }, "abc");
  assert(called);
});
