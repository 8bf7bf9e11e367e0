/** The program as a process: what main.ts and the real environment add to run(). */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { writeText } from "../../src/cli/output.ts";
import { VERSION } from "../../src/ipc/version.ts";

const top = new URL("../../", import.meta.url);
const decoder = new TextDecoder();

/** Runs main.ts with these permissions and words. */
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

Deno.test("main.ts prints help and version without a library, the network or the daemon", async () => {
  assertEquals(await main(READ, ["-V"]), {
    code: 0,
    out: `ipoib ${VERSION}\n`,
    err: "",
  });
  const help = await main(READ, ["--help"]);
  assertEquals([help.code, help.err], [0, ""]);
  assertStringIncludes(help.out, "Usage: ipoib");
});

Deno.test("main.ts exits with 1 for wrong arguments", async () => {
  const { code, out, err } = await main(READ, ["lnik"]);
  assertEquals([code, out], [1, ""]);
  assertStringIncludes(err, "did you mean link?");
});

Deno.test("main.ts finds its own namespace, and exits with 3 where nothing runs", async () => {
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

Deno.test("writeText() writes everything and takes a reader that has gone", () => {
  const written: number[] = [];
  writeText({
    writeSync(bytes) {
      written.push(...bytes.subarray(0, 2));
      return Math.min(2, bytes.length);
    },
  }, "abcde");
  assertEquals(String.fromCharCode(...written), "abcde");
  let asked = false;
  writeText({
    writeSync() {
      asked = true;
      throw new Deno.errors.BrokenPipe();
    },
  }, "abc");
  assert(asked);
});
