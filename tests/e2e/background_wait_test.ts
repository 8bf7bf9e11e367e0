/** `up --background` while interfaces are not ready: progress in a pipe and on a terminal, --timeout, Ctrl-C. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { programCommand } from "../../scripts/program.ts";
import {
  type Host,
  labTest,
  onTerminal,
  type Program,
  shellLine,
  until,
} from "./harness/mod.ts";

const REASON =
  "waiting for a P_Key: index 9 is empty (the table has 3 entries)";
/** An interface that never becomes ready. */
const UP = ["up", "ib0", "--hca", "soft", "--pkey-index", "9", "--background"];

/** Starts `up` on a terminal of 80 columns. */
function start({ lab, namespace }: Host): Program {
  const words = [...programCommand(), ...UP, "--netns", namespace];
  return lab.start(onTerminal(shellLine(words)));
}

labTest(
  "in a pipe the reason is printed once, and again when the time is over",
  async (lab) => {
    const [a] = await lab.hosts(1);
    const seconds = String(Math.round(patient(6)));
    const up = await a.ipoib(...UP, "--timeout", seconds);
    assertEquals([up.code, up.stdout], [4, ""]);
    // The subnet manager may not have configured the port when the state is read for the first time.
    assertEquals(
      up.stderr.replace(/^ib0: waiting for the subnet manager\n/, ""),
      `ib0: ${REASON}\nipoib: Not ready after ${seconds} s: ib0: ${REASON}\n`,
    );
    assertEquals(await a.hasDevice("ib0"), false);
    assertMatch(
      await Deno.readTextFile(a.logFile),
      / stopping: SIGTERM received$/m,
    );
  },
);

labTest(
  "on a terminal of 80 columns one line is redrawn, and Ctrl-C prints the reason",
  async (lab) => {
    const [a] = await lab.hosts(1);
    const up = start(a);
    await up.prints(/index 9 .*\(\d+ s\)/);
    await until("redraws", () => up.output.split("\r\x1b[K").length > 3);
    const drawn = up.output.split("\r\x1b[K").slice(1);
    for (const line of drawn) {
      assert(!line.includes("\n"), JSON.stringify(up.output));
      assert(line.length < 80, line);
    }
    await up.write("\x03");
    assertEquals(await up.exit(), 130);
    const after = up.output.slice(up.output.lastIndexOf("\x1b[K") + 3);
    // The terminal echoes the key.
    assertEquals(
      after.replace(/^\^C/, "").replaceAll("\r", ""),
      `ipoib: Interrupted: ib0: ${REASON}\n`,
    );
    assertEquals(await a.hasDevice("ib0"), false);
  },
);

labTest(
  "on a terminal nothing remains of the line when the interface is ready",
  async (lab) => {
    const [a] = await lab.hosts(1);
    const up = start(a);
    await up.prints(/index 9/);
    const reload = await lab.ipoib("subnet", "reload", "--partitions", "-");
    assert(reload.code !== 0);
    const partitions = `${lab.runtime}/partitions.conf`;
    await Deno.writeTextFile(
      partitions,
      ["Default=0x7fff,ipoib:ALL=full;"].concat(
        Array.from({ length: 12 }, (_, i) => `p${i}=${i + 1},ipoib:ALL=full;`),
      ).join("\n"),
    );
    const loaded = await lab.ipoib(
      "subnet",
      "reload",
      "--partitions",
      partitions,
    );
    assertEquals(loaded.code, 0, loaded.stderr);
    assertEquals(await up.exit(), 0);
    assert(up.output.endsWith("\r\x1b[K"), JSON.stringify(up.output));
    assertEquals((await a.ipoib("down")).code, 0);
  },
);
