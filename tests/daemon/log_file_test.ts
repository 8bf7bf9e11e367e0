/** LogFile and ProcessLog. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { KEPT, LogFile, MAX_LENGTH } from "../../src/daemon/log_file.ts";
import { logDirectory, logPath } from "../../src/daemon/log_path.ts";
import { duplicate } from "../../src/system/fd.ts";

const PROCESS_LOG = new URL(
  "../../src/daemon/process_log.ts",
  import.meta.url,
);
const OUTPUT = new URL("../../src/daemon/log_output.ts", import.meta.url);
const LOG_FILE = new URL("../../src/daemon/log_file.ts", import.meta.url);
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
      file.check(() => {});
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

Deno.test("a log file behind symbolic links is rotated beside its target, and the links stay", () =>
  inDirectory((directory) => {
    for (const name of ["log", "data"]) Deno.mkdirSync(`${directory}/${name}`);
    const link = `${directory}/log/ib0.log`;
    Deno.symlinkSync("../data/link", link);
    // The file does not exist yet.
    Deno.symlinkSync("x.log", `${directory}/data/link`);
    using file = LogFile.open(link, { named: true });
    assertEquals(file.path, `${Deno.realPathSync(directory)}/data/x.log`);
    const inherited = duplicate(file.fd.number);
    const write = (text: string) =>
      libc().write(file.fd.number, new TextEncoder().encode(text), text.length);
    for (let i = 0; i < 7; i++) {
      write(`${i}: ${"x".repeat(MAX_LENGTH)}`);
      file.check(() => {});
    }
    write("last");
    const old = Array.from({ length: KEPT }, (_, i) => `x.log.${i + 1}`);
    assertEquals(names(`${directory}/log`), ["ib0.log"]);
    assertEquals(names(`${directory}/data`), ["link", "x.log", ...old]);
    assertEquals(Deno.readTextFileSync(link), "last");
    const first = Deno.readTextFileSync(`${directory}/data/x.log.1`);
    assertEquals(first.slice(0, 3), "6: ");

    using next = LogFile.inherit(link, { named: true }, inherited);
    assertEquals(next.path, file.path);
    assertThrows(
      () => LogFile.open(link, { named: true }),
      IpoibError,
      "writes",
    );
    assertThrows(() => LogFile.open(link, { named: false }), IpoibError);
  }));

Deno.test("a log file that cannot be rotated is truncated", () =>
  inDirectory((directory) => {
    const path = `${directory}/ib0.log`;
    using file = LogFile.open(path, { named: false });
    Deno.mkdirSync(`${path}.1/x`, { recursive: true });
    Deno.mkdirSync(`${path}.2/x`, { recursive: true });
    for (let i = 0; i < 50; i++) {
      write(path, "x".repeat(100_000));
      file.check(() => {});
    }
    assert(Deno.statSync(path).size <= MAX_LENGTH + 100_000);
  }));

Deno.test("a log file that was removed or renamed is created again", () =>
  inDirectory((directory) => {
    const path = `${directory}/ib0.log`;
    using file = LogFile.open(path, { named: false });
    let begun = 0;
    const check = () => file.check(() => begun++);
    Deno.renameSync(path, `${path}.old`);
    check();
    Deno.removeSync(path);
    check();
    check();
    assertEquals(begun, 2);
    assertEquals(names(directory), ["ib0.log", "ib0.log.old"]);
  }));

Deno.test("a process that takes over continues the log file, also if the old process rotates it meanwhile", () =>
  inDirectory((directory) => {
    const path = `${directory}/ib0.log`;
    const old = LogFile.open(path, { named: false });
    const inherited = duplicate(old.fd.number);
    using file = LogFile.inherit(path, { named: false }, inherited);
    const check = () => {
      let begun = false;
      file.check(() => begun = true);
      return begun;
    };
    assert(!check());
    write(path, "x".repeat(MAX_LENGTH + 1));
    old.check(() => {});
    // The old process holds the lock until it ends.
    assert(!check());
    old[Symbol.dispose]();
    assert(check());
    assert(!check());
    using other = LogFile.open(path, { named: false });
    assertEquals(other.path, `${directory}/ib0-${Deno.pid}.log`);
    write(path, "x".repeat(MAX_LENGTH + 1));
    assert(check());
    assertEquals(names(directory).slice(1), [
      ...["ib0.log", "ib0.log.1", "ib0.log.2"],
    ]);
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

/**
 * Runs a script with the variable `log`, a ProcessLog, in its own process, because it redirects the streams.
 *
 * @param inherited expression for the log that it continues (ProcessLog.begin()); in its scope are `path` and LogFile
 */
async function inBackground(
  body: string,
  inherited = "undefined",
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
      import { LogFile } from ${JSON.stringify(LOG_FILE.href)};
      const write = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));
      write("before\\n");
      const log = new ProcessLog();
      const path = ${JSON.stringify(path)};
      log.begin({ log: "info", logFile: path }, ${inherited});
      const sink = logSink();
      const line = (level: "info" | "warning", text: string) =>
        sink({ time: new Date(), level, name: "ib0", text });
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
    `write("x".repeat(2 << 20) + "\\n"); log.check(); line("info", "last");`,
  );
  assertEquals(file, "TIME ib0: last\n");
});

/** The log of a process in the background. */
const INHERITED =
  "{ stderr: LogFile.open(path, { named: true }).fd, journalStream: undefined }";

Deno.test("a process that takes over writes to the file of the old process, and until it has taken over also to the waiting process", async () => {
  const { file, stdout, stderr } = await inBackground(
    `Deno.env.set("IPOIB_HANDOVER", "/x");
    line("info", "starting"); write("of a library\\n"); log.taken();
    line("warning", "slow"); log[Symbol.dispose]();`,
    INHERITED,
  );
  assertEquals(stderr, "before\n");
  assertEquals(stdout, "ib0: starting\n");
  assertEquals(
    file,
    "TIME ib0: starting\nof a library\nTIME ib0: warning: slow\n",
  );
});

Deno.test("the error of a process that cannot take over is in the file of the old process, and goes to the waiting process", async () => {
  const { file, stdout } = await inBackground(
    `log.fail(new IpoibError("E_X", "No port", { hint: "plug in" }));
    write("ipoib: No port\\n");`,
    INHERITED,
  );
  assertEquals(file, "TIME error: No port (plug in)\n");
  assertEquals(stdout, "ipoib: No port\n");
});
