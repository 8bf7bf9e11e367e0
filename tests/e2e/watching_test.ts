/** The commands that watch interfaces: on a terminal of 80 columns, with and without NO_COLOR, and as another user. */

import { assertEquals, assertMatch } from "@std/assert";
import { programCommand } from "../../scripts/program.ts";
import {
  type Host,
  labTest,
  must,
  onTerminal,
  run,
  shellLine,
} from "./harness/mod.ts";

const ESCAPE = "\x1b";

/** Runs a command on a pseudo-terminal of 80 columns. Returns its output. */
async function shown(host: Host, words: string[], noColor: string) {
  const command = [...programCommand(), ...words, "-n", host.namespace];
  const { code, stdout } = await run(onTerminal(shellLine(command)), {
    env: { ...host.lab.env, NO_COLOR: noColor, TERM: "xterm" },
  });
  assertEquals(code, 0, stdout);
  return stdout;
}

labTest(
  "events has colors on a terminal without NO_COLOR; capture and metrics never have",
  async (lab) => {
    const [host] = await lab.running(1);
    const events = await shown(host, ["events", "fabric"], "");
    assertMatch(events, /\] \S*ib0\S* fabric port /);
    assertEquals(events.includes(ESCAPE), true);
    const plain = await shown(host, ["events", "fabric"], "1");
    assertMatch(plain, /\] ib0 fabric port /);
    assertEquals(plain.includes(ESCAPE), false);

    const metrics = await shown(host, ["metrics"], "");
    assertMatch(metrics, /^ipoib_interface_running\{interface="ib0"\} 1\r$/m);
    host.start("ping", "-q", "-i", "0.1", "10.9.0.99");
    const capture = ["capture", "ib0", "-c", "1", "arp host 10.9.0.99"];
    const line = await shown(host, capture, "");
    assertMatch(
      line,
      / ARP, Request who-has 10\.9\.0\.99 tell 10\.9\.0\.1\r$/m,
    );
    assertEquals(`${metrics}${line}`.includes(ESCAPE), false);
  },
);

labTest(
  "a user who may not use the control socket is refused with the remedy, also by capture, metrics and top",
  async (lab) => {
    const [host] = await lab.running(1);
    await must(["chown", "nobody", `${host.sockets}/ib0.sock`]);
    const user = ["setpriv", "--bounding-set=-dac_override"];
    const command = (...words: string[]) => [
      ...user,
      ...[...programCommand(), "-n", host.namespace, ...words],
    ];
    const asUser = (...words: string[]) =>
      run(command(...words), { env: lab.env });
    const top = ["top", "-b", "-n", "1"];
    for (
      const words of [["capture", "ib0"], ["metrics"], top, [...top, "ib0"]]
    ) {
      const { code, stdout, stderr } = await asUser(...words);
      assertEquals([code, stdout], [2, ""]);
      assertMatch(stderr, /^ipoib: Permission denied .*as root\)\n$/);
    }
    const screen = await run(onTerminal(shellLine(command("top"))), {
      env: { ...lab.env, TERM: "xterm" },
    });
    // The screen has ended: the last line is on the usual one.
    assertMatch(
      screen.stdout.split(`${ESCAPE}[?1049l`)[1]!,
      /ipoib: Permission denied .*as root\)\r\n$/,
    );
    const doctor = await asUser("-o", "doctor");
    assertEquals([doctor.code, doctor.stderr], [4, ""], doctor.stdout);
    assertMatch(
      doctor.stdout,
      /^warning ib0 netns \S+ process: Permission denied .* -> .*as root$/m,
    );
  },
);
