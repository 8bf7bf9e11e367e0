/** Where the log goes: standard error, the journal, and the file of a background process. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import { labTest, run, until } from "./harness/mod.ts";

const UP = ["up", "ib0", "--hca", "soft"];
/** A time stamp with the offset of the time zone. */
const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d`;

labTest("in the foreground each line has a time stamp", async (lab) => {
  const [a] = await lab.running(1);
  const [link] = await a.show<{ log: string; log_level: string }[]>("link");
  assertEquals([link!.log, link!.log_level], ["stderr", "info"]);
  a.daemon.kill("SIGTERM");
  assertEquals(await a.daemon.exit(), 0);
  // Deno 2.4.2, which may run the compiled program, prints a warning about its own library.
  const lines = a.daemon.output.trimEnd().split("\n")
    .filter((line) => !line.startsWith("(node:"));
  for (const line of lines) assertMatch(line, new RegExp(`^${TIME} \\w`));
  assertStringIncludes(lines.join("\n"), "stopping: SIGTERM received");
});

labTest(
  "the log of a background process has the start, is appended to, and is named by link show",
  async (lab) => {
    const [a] = await lab.hosts(1);
    for (let run = 1; run <= 2; run++) {
      const up = await a.ipoib(...UP, "--background");
      assertEquals([up.code, up.stdout], [0, ""], up.stderr);
      const [link] = await a.show<{ log: string }[]>("link");
      assertEquals(link!.log, a.logFile);
      const text = (await a.ipoib("-d", "link")).stdout;
      assertMatch(text, new RegExp(`^    log ${a.logFile} level info$`, "m"));
      assertEquals((await a.ipoib("down")).code, 0);
      await until("the last line", async () => {
        const log = await Deno.readTextFile(a.logFile);
        return log.match(/ ib0: deleted$/mg)?.length === run;
      });
    }
    const log = await Deno.readTextFile(a.logFile);
    const line = new RegExp(
      `^${TIME} ib0: on the embedded subnet "default", pid \\d+$`,
      "mg",
    );
    assertEquals(log.match(line)?.length, 2, log);
    assertEquals((await Deno.stat(a.logFile)).mode! & 0o777, 0o640);
  },
);

labTest(
  "without IPOIB_RUNTIME_DIR the logs of root are in /var/log/ipoib, and the group adm can read them",
  async (lab) => {
    const [a] = await lab.hosts(1);
    const script = `mount -t tmpfs none /var/log && mount -t tmpfs none /run
      "$@" up ib0 --hca soft --background && cd /var/log/ipoib &&
        stat -c '%a %U:%G' . netns netns/*/ib0.log
      "$@" down ib0`;
    const { code, stdout, stderr } = await a.run([
      ...["unshare", "--mount", "sh", "-c", script, "sh"],
      ...programCommand(),
    ]);
    assertEquals(code, 0, stderr);
    assertEquals(stdout, "2750 root:adm\n2750 root:adm\n640 root:adm\n");
  },
);

labTest("--log-file names the log of a background process", async (lab) => {
  const [a] = await lab.hosts(1);
  const file = `${lab.runtime}/own.log`;
  const up = await a.ipoib(...UP, "--background", "--log-file", file);
  assertEquals(up.code, 0, up.stderr);
  assertStringIncludes((await a.ipoib("-d", "link")).stdout, `log ${file} `);
  // Two processes do not share a file.
  const [b] = await lab.hosts(1);
  const second = await b.ipoib(...UP, "--background", "--log-file", file);
  assertEquals(second.code, 2);
  assertMatch(second.stderr, /^ipoib: Another process writes to the log file/m);
  assertEquals((await a.ipoib("down")).code, 0);
  const foreground = await a.ipoib(...UP, "--log-file", file);
  assertEquals(foreground.code, 1);
  assertStringIncludes(foreground.stderr, "--log-file needs --background");
});

labTest("the log level changes while the interface runs", async (lab) => {
  const [a] = await lab.running(1);
  const level = async (...words: string[]) => {
    const { code, stdout, stderr } = await a.ipoib("param", ...words);
    assertEquals(code, 0, stderr);
    return stdout;
  };
  assertEquals(await level("log_level"), "info\n");
  await level("log_level", "debug");
  assertEquals(await level("log_level"), "debug\n");
  await a.ip("link", "set", "ib0", "down");
  await a.daemon.prints(/ ib0: debug: stopping interface$/m);
  const refused = await a.ipoib("param", "log_level", "loud");
  assertEquals(refused.code, 2);
  assertMatch(refused.stderr, /Invalid value "loud" .*debug, info, warning/);
});

labTest(
  "under systemd entries go to the journal with priority and interface",
  async (lab) => {
    const [a, b] = await lab.hosts(2);
    const entries = `${lab.runtime}/entries`;
    // A mount namespace with a journal of its own, and standard error connected to a socket.
    const script = `mount -t tmpfs none /run && mkdir -p /run/systemd/journal
      socat -u UNIX-RECV:/run/systemd/journal/socket OPEN:${entries},creat,append &
      journal=$!
      until [ -S /run/systemd/journal/socket ]; do sleep 0.1; done
      exec 2<>/dev/udp/127.0.0.1/9
      export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)
      "$@"
      code=$?
      # The last datagram: socat has written all entries before it.
      printf 'END=%s\n' $$ | socat -u STDIN UNIX-SENDTO:/run/systemd/journal/socket
      until grep -q "^END=$$" ${entries}; do sleep 0.1; done
      kill $journal
      exit $code`;
    const inJournal = (...words: string[]) =>
      a.start(
        ...["unshare", "--mount", "bash", "-c", script, "bash"],
        ...["env", `IPOIB_RUNTIME_DIR=${lab.runtime}`, ...programCommand()],
        ...words,
      );
    await b.up();
    const read = () => Deno.readTextFile(entries).catch(() => "");
    const daemon = inJournal(...UP);
    await until("the interface", async () => {
      return (await read()).includes("MESSAGE=ib0: running\n");
    });
    const [link] = await a.show<{ log: string }[]>("link");
    assertEquals(link!.log, "journal");
    const text = await read();
    assertStringIncludes(
      text,
      "MESSAGE=ib0: running\nPRIORITY=6\nSYSLOG_IDENTIFIER=ipoib\nINTERFACE=ib0\n",
    );
    assertEquals(new RegExp(TIME).test(text), false, text);

    // The process of an upgrade, which is started with another standard error, logs to the journal too.
    const { code, stderr } = await a.run([
      ...["nsenter", "--mount", "--target", `${daemon.pid}`, "env"],
      ...[`IPOIB_RUNTIME_DIR=${lab.runtime}`, "JOURNAL_STREAM=8:12345"],
      ...[...programCommand(), "upgrade", "ib0"],
    ]);
    assertEquals(code, 0, stderr);
    assertEquals((await a.show<{ log: string }[]>("link"))[0]!.log, "journal");
    assertEquals((await a.ipoib("down", "ib0")).code, 0);
    assertEquals(await daemon.exit(), 0);
    const main = "MESSAGE=ib0: deleted\nPRIORITY=6\n";
    assertEquals((await read()).split(main).length - 1, 1, await read());
    // The error that ends a process has priority 3, and is there once.
    const failing = inJournal(...UP, "--subnet-mtu", "4096");
    assertEquals(await failing.exit(), 2);
    const errors = (await read()).match(/^MESSAGE=.*4096.*\nPRIORITY=3$/mg);
    assertEquals(errors?.length, 1, await read());
  },
);

labTest(
  "journalctl finds the lines of an interface by INTERFACE and their priority",
  async (lab) => {
    const [a] = await lab.hosts(1);
    // A journal of its own, in a mount namespace. A journal namespace of systemd reads neither /dev/kmsg nor audit.
    const script = `touch ${lab.runtime}/netns.mount
      mount --bind /run/netns/${a.namespace} ${lab.runtime}/netns.mount
      mount -t tmpfs none /run && mount -t tmpfs none /var/log
      mkdir -p /run/log/journal /run/systemd/journal /run/systemd/journal.test
      mount --bind /run/systemd/journal.test /run/systemd/journal
      /lib/systemd/systemd-journald test >/run/journald.log 2>&1 &
      journald=$!
      until [ -S /run/systemd/journal/socket ]; do sleep 0.1; done
      (
        exec 2<>/dev/udp/127.0.0.1/9
        export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)
        "$@" up ib0 --hca soft --netns ${lab.runtime}/netns.mount &
        until "$@" -n ${lab.runtime}/netns.mount -j link | grep -q LOWER_UP; do sleep 0.5; done
        kill -TERM $!
        wait $!
      )
      journalctl --namespace=test --sync
      journalctl --namespace=test --no-pager -o json INTERFACE=ib0
      kill $journald; wait $journald`;
    const { code, stdout, stderr } = await run([
      ...["unshare", "--mount", "bash", "-c", script, "bash"],
      ...["env", `IPOIB_RUNTIME_DIR=${lab.runtime}`, ...programCommand()],
    ]);
    assertEquals(code, 0, stderr);
    const entries = stdout.trim().split("\n").map((line) => JSON.parse(line));
    const running = entries.find(({ MESSAGE }) => MESSAGE === "ib0: running");
    assertEquals(
      [running?.PRIORITY, running?.SYSLOG_IDENTIFIER, running?._TRANSPORT],
      ["6", "ipoib", "journal"],
      stdout + stderr,
    );
  },
);

labTest(
  "an inherited JOURNAL_STREAM has no effect if standard error is redirected",
  async (lab) => {
    const [a] = await lab.hosts(1);
    const daemon = a.start(
      ...["env", `IPOIB_RUNTIME_DIR=${lab.runtime}`, "JOURNAL_STREAM=8:12345"],
      ...[...programCommand(), ...UP],
    );
    await daemon.prints(new RegExp(`^${TIME} ib0: running$`, "m"));
    daemon.kill("SIGTERM");
    assertEquals(await daemon.exit(), 0);
    assert(!daemon.output.includes("<6>"));
  },
);
