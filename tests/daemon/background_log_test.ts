/** BackgroundLog. Each test runs in its own process, because it redirects standard error. */

import { assert, assertEquals } from "@std/assert";
import { MAX_LENGTH } from "../../src/daemon/background_log.ts";

const MODULE = new URL("../../src/daemon/background_log.ts", import.meta.url);
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Runs the script `body` with the variable `log`, a BackgroundLog at `runtime/netns/7/ib0.log`. */
async function withLog(
  body: string,
  check: (runtime: string, stderr: string) => void,
): Promise<void> {
  const runtime = await Deno.makeTempDir();
  try {
    const script = `${runtime}.ts`;
    const path = `${runtime}/netns/7/ib0.log`;
    await Deno.writeTextFile(
      script,
      `import { BackgroundLog } from ${JSON.stringify(MODULE.href)};
      const log = await BackgroundLog.open(${JSON.stringify(path)});
      const write = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));
      ${body}`,
    );
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", "--config", CONFIG, script],
      env: { IPOIB_RUNTIME_DIR: runtime },
    }).output();
    await Deno.remove(script);
    const output = new TextDecoder().decode(stderr);
    assertEquals(code, 0, output);
    check(runtime, output);
  } finally {
    await Deno.remove(runtime, { recursive: true });
  }
}

const file = (runtime: string, name: string) =>
  Deno.readTextFileSync(`${runtime}/netns/7/${name}`);

Deno.test("BackgroundLog.begin() truncates the file and redirects standard error to it", () =>
  withLog(
    `write("before\\n");
    log.begin(); write("after\\n"); log.close(false);`,
    (runtime, stderr) => {
      assertEquals(stderr, "before\n");
      assertEquals(file(runtime, "ib0.log"), "after\n");
    },
  ));

Deno.test("BackgroundLog.bound() keeps two files of limited length", () =>
  withLog(
    `log.begin();
    for (let i = 0; i < 50; i++) {
      write(\`\${i}: \${"x".repeat(100_000)}\\n\`);
      log.bound();
    }
    write("last\\n");
    log.close(false);`,
    (runtime) => {
      const [old, now] = [
        file(runtime, "ib0.log.old"),
        file(runtime, "ib0.log"),
      ];
      assert(old.length <= MAX_LENGTH + 100_100, `${old.length}`);
      assert(now.length <= MAX_LENGTH + 100_100, `${now.length}`);
      assert(now.endsWith("last\n"));
      const lines = (old + now).trimEnd().split("\n");
      // The files hold the last lines without a gap.
      assertEquals(
        lines.slice(0, -1).map((line) => parseInt(line)),
        Array.from(
          { length: lines.length - 1 },
          (_, i) => 51 - lines.length + i,
        ),
      );
    },
  ));

Deno.test("BackgroundLog.bound() truncates the file if it cannot be rotated", () =>
  withLog(
    `log.begin();
    const directory = Deno.env.get("IPOIB_RUNTIME_DIR") + "/netns/7/ib0.log.old/x";
    Deno.mkdirSync(directory, { recursive: true });
    for (let i = 0; i < 50; i++) { write("x".repeat(100_000)); log.bound(); }
    log.close(false);`,
    (runtime) =>
      assert(file(runtime, "ib0.log").length <= MAX_LENGTH + 100_000),
  ));

Deno.test("BackgroundLog.close(true) removes the file and its directory", () =>
  withLog(
    `log.begin(); write("x"); log.close(true);`,
    (runtime) => assertEquals([...Deno.readDirSync(`${runtime}/netns`)], []),
  ));

Deno.test("BackgroundLog.close() without begin() removes the file that it created", () =>
  withLog(
    `log.close(false);`,
    (runtime) => assertEquals([...Deno.readDirSync(`${runtime}/netns`)], []),
  ));
