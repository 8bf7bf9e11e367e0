/** Scenarios: missing system calls and devices, clock jumps, and closed outputs. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { programCommand } from "../../program.ts";
import { isInstalled } from "../../test/packages.ts";
import { must, run } from "../../../tests/e2e/harness/mod.ts";
import {
  assertRefused,
  assertWell,
  type Scenario,
  upWords,
} from "./scenario.ts";

const here = (name: string) => new URL(name, import.meta.url).pathname;
const NO_URING = [
  ...[Deno.execPath(), "run", "--quiet", "--allow-all", "--no-check"],
  here("forbid_io_uring.ts"),
];
const YEAR = 365 * 86_400;

export const systemScenarios: readonly Scenario[] = [
  {
    name: "io_uring forbidden, --io auto",
    expected: "says so, and works by poll",
    quick: true,
    async run(lab) {
      const [a, b] = await lab.hosts(2);
      await a.up({ command: [...NO_URING, ...programCommand()] });
      await b.up();
      await assertWell(a, b);
      assertMatch(a.daemon.output, /io_uring.*using poll/);
      a.daemon.kill("SIGTERM");
      assertEquals(await a.daemon.exit(), 0);
    },
  },
  {
    name: "io_uring forbidden, --io uring",
    expected: "up is refused",
    async run(lab) {
      const [a] = await lab.hosts(1);
      const words = upWords(lab, a, "--io", "uring");
      assertRefused(await run([...NO_URING, ...words]), /io_uring/);
      assertEquals(await a.hasDevice("ib0"), false);
    },
  },
  {
    name: "/dev/net/tun missing",
    expected: "up is refused",
    async run(lab) {
      const [a] = await lab.hosts(1);
      const outcome = await run([
        ...["unshare", "--mount", "sh", "-c"],
        'mount -t tmpfs none /dev/net && exec "$@"',
        ...["sh", ...upWords(lab, a)],
      ]);
      assertRefused(outcome, /\/dev\/net\/tun/);
    },
  },
  {
    name: "/sys or /proc/sys missing",
    expected: "works or is refused",
    async run(lab) {
      const [a] = await lab.hosts(1);
      const found: string[] = [];
      for (const folder of ["/sys", "/proc/sys"]) {
        const outcome = await run([
          ...["unshare", "--mount", "sh", "-c"],
          `mount -t tmpfs none ${folder} && exec "$@"`,
          ...["sh", ...upWords(lab, a, "--background")],
        ]);
        if (outcome.code !== 0) assertRefused(outcome, /./);
        else assertEquals((await a.ipoib("down", "ib0")).code, 0);
        found.push(`without ${folder}: exit code ${outcome.code}`);
      }
      return found.join("; ");
    },
  },
  {
    name: "the device is deleted",
    expected: "the process ends with exit code 0",
    async run(lab) {
      const [a, b] = await lab.running(2);
      await assertWell(a, b);
      await a.ip("link", "del", "ib0");
      assertEquals(await a.daemon.exit(), 0);
      await a.up();
      await assertWell(a, b);
    },
  },
  {
    name: "clock jumps",
    expected: "traffic goes on",
    missing: () =>
      isInstalled("gcc") && isInstalled("/usr/include/stdio.h")
        ? undefined
        : "needs gcc",
    async run(lab) {
      const library = `${lab.runtime}/shifted_clock.so`;
      const file = `${lab.runtime}/shift`;
      await must([
        ...["gcc", "-shared", "-fPIC", "-O1", "-o", library],
        here("shifted_clock.c"),
      ]);
      const shift = (seconds: number) => {
        const bytes = new Uint8Array(
          new BigInt64Array([BigInt(seconds)]).buffer,
        );
        using handle = Deno.openSync(file, { write: true, create: true });
        handle.writeSync(bytes);
      };
      shift(0);
      const command = [
        ...["env", `LD_PRELOAD=${library}`, `SHIFT_FILE=${file}`],
        ...programCommand(),
      ];
      const [a, b] = await lab.hosts(2);
      await a.up({ command });
      await b.up({ command });
      await assertWell(a, b);
      for (const seconds of [10 * YEAR, -10 * YEAR, 3600, 0]) {
        shift(seconds);
        await a.ip("neigh", "flush", "dev", "ib0");
        await assertWell(a, b);
      }
      await Deno.remove(library);
      await Deno.remove(file);
    },
  },
  {
    name: "standard output closed",
    expected: "commands end without a stack, with an exit code",
    quick: true,
    async run(lab) {
      const [a] = await lab.running(1);
      const outcome = await run([
        ...["bash", "-c"],
        '{ sleep 0.2; "$@"; echo "code $?" >&2; } | true; sleep 0.1',
        ...["bash", "env", `IPOIB_RUNTIME_DIR=${lab.runtime}`],
        ...[...programCommand(), "-n", a.namespace, "ethtool", "-S"],
      ]);
      assert(!/^\s+at /m.test(outcome.stderr), outcome.stderr);
      const code = /code (\d+)/.exec(outcome.stderr)?.[1];
      assert(code !== undefined, outcome.stderr);
      return `exit code ${code}: ${outcome.stderr.split("\n")[0]}`;
    },
  },
  {
    name: "log closed",
    expected: "the interface goes on",
    quick: true,
    async run(lab) {
      const [a, b] = await lab.hosts(2);
      await a.up({
        command: [
          ...["bash", "-c", 'exec "$@" 1> >(exec true) 2> >(exec true)'],
          ...["bash", ...programCommand()],
        ],
      });
      await b.up();
      await assertWell(a, b);
      // Each state change writes a line to the log.
      for (const state of ["down", "up"]) {
        await a.ip("link", "set", "ib0", state);
        await a.call("link.show", {});
      }
      await assertWell(a, b);
      a.daemon.kill("SIGTERM");
      assertEquals(await a.daemon.exit(), 0);
    },
  },
];
