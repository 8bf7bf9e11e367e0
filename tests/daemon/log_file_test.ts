/** LogFile, ProcessLog and the removal of old logs. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { KEPT, LogFile, MAX_LENGTH } from "../../src/daemon/log_file.ts";
import { logDirectory, logPath } from "../../src/daemon/log_path.ts";
import { sweepLogs } from "../../src/daemon/log_sweep.ts";

const PROCESS_LOG = new URL(
  "../../src/daemon/process_log.ts",
  import.meta.url,
);
const OUTPUT = new URL("../../src/daemon/log_output.ts", import.meta.url);
const ERRORS = new URL("../../src/base/errors.ts", import.meta.url);
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

function inDirectory(body: (directory: string) => void): void {
  const directory = Deno.makeTempDirSync();
  try {
    body(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

const names = (directory: string) =>
  [...Deno.readDirSync(directory)].map(({ name }) => name).sort();

function write(path: string, text: string): void {
  Deno.writeTextFileSync(path, text, { append: true });
}

Deno.test("a log file is appended to and kept, and its group can read it", () =>
  inDirectory((directory) => {
    const path = `${directory}/netns/h1/ib0.log`;
    for (const text of ["first\n", "second\n"]) {
      using file = LogFile.open(path, { named: false });
      assertEquals(file.path, path);
      write(path, text);
    }
    assertEquals(Deno.readTextFileSync(path), "first\nsecond\n");
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o640);
    assertEquals(Deno.statSync(`${directory}/netns`).mode! & 0o777, 0o750);
  }));

Deno.test("a log file is rotated by size, without a gap in its lines, and a limited number is kept", () =>
  inDirectory((directory) => {
    const path = `${directory}/ib0.log`;
    using file = LogFile.open(path, { named: false });
    for (let i = 0; i < 100; i++) {
      write(path, `${i}: ${"x".repeat(100_000)}\n`);
      file.rotate(() => {});
    }
    const old = Array.from({ length: KEPT }, (_, i) => `ib0.log.${i + 1}`);
    assertEquals(names(directory), ["ib0.log", ...old]);
    const texts = [...old.reverse(), "ib0.log"].map((name) =>
      Deno.readTextFileSync(`${directory}/${name}`)
    );
    for (const { length } of texts) {
      assert(length <= MAX_LENGTH + 100_100, `${length}`);
    }
    const lines = texts.join("").trimEnd().split("\n");
    assertEquals(
      lines.map((line) => parseInt(line)),
      Array.from({ length: lines.length }, (_, i) => 100 - lines.length + i),
    );
  }));

Deno.test("a log file that cannot be rotated is truncated", () =>
  inDirectory((directory) => {
    const path = `${directory}/ib0.log`;
    using file = LogFile.open(path, { named: false });
    Deno.mkdirSync(`${path}.1/x`, { recursive: true });
    Deno.mkdirSync(`${path}.2/x`, { recursive: true });
    for (let i = 0; i < 50; i++) {
      write(path, "x".repeat(100_000));
      file.rotate(() => {});
    }
    assert(Deno.statSync(path).size <= MAX_LENGTH + 100_000);
  }));

Deno.test("two processes do not write to one log file", () =>
  inDirectory((directory) => {
    const path = `${directory}/ib0.log`;
    using _first = LogFile.open(path, { named: false });
    using second = LogFile.open(path, { named: false });
    assertEquals(second.path, `${directory}/ib0-${Deno.pid}.log`);
    const { code, hint } = assertThrows(
      () => LogFile.open(path, { named: true }),
      IpoibError,
      "Another process writes",
    );
    assertEquals(code, "E_LOG_FILE");
    assert(hint?.includes("--log-file"));
  }));

Deno.test("a log directory that cannot be created is an error that names the remedy", () =>
  inDirectory((directory) => {
    write(`${directory}/file`, "");
    const { hint } = assertThrows(
      () => LogFile.open(`${directory}/file/ib0.log`, { named: false }),
      IpoibError,
      "Cannot create the log directory",
    );
    assert(hint?.includes("IPOIB_LOG_DIR"));
  }));

Deno.test("logPath() keeps the namespaces apart, by name if they have one", () => {
  const names = new Map([[7n, "h1"]]);
  const at = (inode: bigint, initial: boolean) =>
    logPath("/var/log/ipoib", "ib0", { inode, initial }, names);
  assertEquals(at(1n, true), "/var/log/ipoib/ib0.log");
  assertEquals(at(7n, false), "/var/log/ipoib/netns/h1/ib0.log");
  assertEquals(at(8n, false), "/var/log/ipoib/netns/8/ib0.log");
});

Deno.test("logDirectory() follows IPOIB_LOG_DIR, then the runtime directory and the user", () => {
  const variables = ["IPOIB_LOG_DIR", "IPOIB_RUNTIME_DIR"];
  const before = variables.map((name) => Deno.env.get(name));
  try {
    Deno.env.set("IPOIB_LOG_DIR", "");
    Deno.env.set("IPOIB_RUNTIME_DIR", "");
    assertEquals(logDirectory("nobody"), "/run/ipoib/log");
    if (Deno.uid() === 0) {
      assertEquals(logDirectory(undefined), "/var/log/ipoib");
    }
    Deno.env.set("IPOIB_RUNTIME_DIR", "/tmp/x/");
    assertEquals(logDirectory(undefined), "/tmp/x/log");
    Deno.env.set("IPOIB_LOG_DIR", "/srv/log/");
    assertEquals(logDirectory(undefined), "/srv/log");
  } finally {
    for (const [i, name] of variables.entries()) {
      const value = before[i];
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
});

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
    sweepLogs(directory);
    assertEquals(names(directory), [
      "ib0.log",
      "ib1.log.2",
      "netns",
      "other.txt",
    ]);
    assertEquals(names(`${directory}/netns`), ["8"]);
    // Without a directory there is nothing to do.
    sweepLogs(`${directory}/missing`);
  }));

/** Runs a script with the variable `log`, a ProcessLog, in its own process, because it redirects the streams. */
async function inBackground(
  body: string,
): Promise<{ file: string; stdout: string; stderr: string }> {
  const directory = await Deno.makeTempDir();
  try {
    const script = `${directory}/script.ts`;
    const path = `${directory}/ib0.log`;
    await Deno.writeTextFile(
      script,
      `import { ProcessLog } from ${JSON.stringify(PROCESS_LOG.href)};
      import { logSink } from ${JSON.stringify(OUTPUT.href)};
      import { IpoibError } from ${JSON.stringify(ERRORS.href)};
      const write = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));
      write("before\\n");
      const log = new ProcessLog();
      log.begin({ log: "info", logFile: ${JSON.stringify(path)} });
      const line = (level: "info" | "warning", text: string) =>
        logSink()({ time: new Date(), level, name: "ib0", text });
      ${body}`,
    );
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", "--config", CONFIG, script],
      env: { IPOIB_LOG_FILE: path },
      stdin: "null",
    }).output();
    const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) =>
      new TextDecoder().decode(bytes)
    );
    assertEquals(output.code, 0, stderr);
    const file = (await Deno.readTextFile(path)).replace(
      /^\d{4}-\d\d-\d\dT[\d:.]{12}[+-]\d\d:\d\d /mg,
      "TIME ",
    );
    return { file, stdout: stdout!, stderr: stderr! };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a background process writes its lines to the file, and its warnings also to the waiting process until it is ready", async () => {
  const { file, stdout, stderr } = await inBackground(
    `line("info", "starting"); line("warning", "slow"); log.detach();
    line("warning", "later"); write("of a library\\n"); log[Symbol.dispose]();`,
  );
  assertEquals(stderr, "before\n");
  assertEquals(stdout, "ib0: warning: slow\n");
  assertEquals(
    file,
    "TIME ib0: starting\nTIME ib0: warning: slow\nTIME ib0: warning: later\nof a library\n",
  );
});

Deno.test("the error that ends a background process is in its file once, and goes to the waiting process", async () => {
  const { file, stdout } = await inBackground(
    `log.fail(new IpoibError("E_X", "No port", { hint: "plug in" }));
    write("ipoib: No port\\n");`,
  );
  assertEquals(file, "TIME error: No port (plug in)\n");
  assertEquals(stdout, "ipoib: No port\n");
});

Deno.test("a rotated log gets the lines of standard error", async () => {
  const { file } = await inBackground(
    `write("x".repeat(2 << 20) + "\\n"); log.rotate(); line("info", "last");`,
  );
  assertEquals(file, "TIME ib0: last\n");
});
