/** The removal of old logs. */

import { assertEquals } from "@std/assert";
import { LogFile } from "../../src/daemon/log_file.ts";
import { sweepLogs } from "../../src/daemon/log_sweep.ts";

const PROCESS_LOG = new URL(
  "../../src/daemon/process_log.ts",
  import.meta.url,
);
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

function inDirectory<T>(body: (directory: string) => T): T {
  const directory = Deno.makeTempDirSync();
  try {
    return body(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

const names = (directory: string) =>
  [...Deno.readDirSync(directory)].map(({ name }) => name).sort();

function write(path: string, text: string): void {
  Deno.writeTextFileSync(path, text);
}

Deno.test("sweepLogs() removes logs that no process has written to for a month", () =>
  inDirectory((directory) => {
    const then = new Date(Date.now() - 31 * 24 * 3600 * 1000);
    const age = (path: string) => Deno.utimeSync(path, then, then);
    for (const name of ["7", "8"]) {
      Deno.mkdirSync(`${directory}/netns/${name}`, { recursive: true });
      write(`${directory}/netns/${name}/ib0.log`, "x");
    }
    age(`${directory}/netns/7/ib0.log`);
    for (const name of ["ib1.log", "ib1.log.1", "other.txt"]) {
      write(`${directory}/${name}`, "x");
      age(`${directory}/${name}`);
    }
    write(`${directory}/ib1.log.2`, "x");
    using file = LogFile.open(`${directory}/ib0.log`, { named: false });
    age(file.path);
    assertEquals(
      sweepLogs(directory).map((path) => path.slice(directory.length)).sort(),
      ["/ib1.log", "/ib1.log.1", "/netns/7/ib0.log"],
    );
    assertEquals(names(directory), [
      "ib0.log",
      "ib1.log.2",
      "netns",
      "other.txt",
    ]);
    assertEquals(names(`${directory}/netns`), ["8"]);
    // Without a directory there is nothing to do.
    assertEquals(sweepLogs(`${directory}/missing`), []);
  }));

/**
 * Begins the log `log/ib0.log` of a background process in a directory where `log/dpkg.log` is old.
 *
 * @param options expression for the argument of ProcessLog.begin()
 * @param env the environment by the path of the directory
 * @returns the names in `log` afterwards, and the text of the log without times
 */
function afterStart(
  options: string,
  env: (directory: string) => Record<string, string>,
): { left: string[]; text: string } {
  return inDirectory((directory) => {
    const log = `${directory}/log`;
    Deno.mkdirSync(log);
    const then = new Date(Date.now() - 31 * 24 * 3600 * 1000);
    write(`${log}/dpkg.log`, "x");
    Deno.utimeSync(`${log}/dpkg.log`, then, then);
    write(
      `${directory}/script.ts`,
      `import { ProcessLog } from ${JSON.stringify(PROCESS_LOG.href)};
      using log = new ProcessLog();
      log.begin(${options});`,
    );
    const { code, stderr } = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--allow-all", "--config", CONFIG],
        `${directory}/script.ts`,
      ],
      env: { IPOIB_LOG_FILE: `${log}/ib0.log`, ...env(directory) },
      stdin: "null",
    }).outputSync();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const text = Deno.readTextFileSync(`${log}/ib0.log`)
      .replaceAll(directory, "DIR").replace(/^\S+ /mg, "");
    return { left: names(log), text };
  });
}

Deno.test("old logs are removed from the program's own directory, and the log names them", () => {
  const { left, text } = afterStart(
    `{ log: "info" }`,
    (directory) => ({ IPOIB_LOG_DIR: "", IPOIB_RUNTIME_DIR: directory }),
  );
  assertEquals(left, ["ib0.log"]);
  assertEquals(text, 'Old log "DIR/log/dpkg.log" removed\n');
});

Deno.test("logs of other programs in the directory of IPOIB_LOG_DIR stay", () => {
  const { left, text } = afterStart(
    `{ log: "info" }`,
    (directory) => ({ IPOIB_LOG_DIR: `${directory}/log` }),
  );
  assertEquals(left, ["dpkg.log", "ib0.log"]);
  assertEquals(text, "");
});

Deno.test("a process with --log-file removes no logs", () => {
  const { left } = afterStart(
    `{ log: "info", logFile: Deno.env.get("IPOIB_LOG_FILE") }`,
    (directory) => ({ IPOIB_LOG_DIR: "", IPOIB_RUNTIME_DIR: directory }),
  );
  assertEquals(left, ["dpkg.log", "ib0.log"]);
});
