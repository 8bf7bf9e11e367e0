/** Fuzz target of command lines. Fake daemons answer them; no command starts a process. */

import { assert } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { Exit } from "../../../src/cli/errors.ts";
import { EthtoolExit } from "../../../src/cli/ethtool_set.ts";
import { CliFixture } from "../../cli/support.ts";
import type { FuzzTarget } from "./target.ts";

const decoder = new TextDecoder();
/** Exit codes of the program, and those of ethtool for refusals and for options that it has and the program lacks. */
const CODES: readonly number[] = [
  ...Object.values(Exit),
  ...Object.values(EthtoolExit),
  ...[74, 75, 76, 94, 255],
];

export const commandLineTarget: FuzzTarget = {
  name: "command_line",
  kind: "text",
  inputsPerSession: 500,
  open() {
    const opened = openFixture();
    return {
      async run(input) {
        const cli = await opened;
        const words = decoder.decode(input).split(/[ \n\0]+/)
          .filter((word) => word !== "");
        const { code, out, err } = await cli.run(words);
        assert(CODES.includes(code), `exit code ${code}`);
        // The help of a command group without a command also goes to standard error.
        assert(code === 0 || err !== "", "a failure prints a message");
        assert(
          !/TypeError|RangeError|Cannot read|undefined|\[object/.test(
            out + err,
          ),
          out + err,
        );
        cli.ups.length = 0;
        cli.subnetRuns.length = 0;
        return code === 0;
      },
      async close() {
        await (await opened)[Symbol.asyncDispose]();
      },
    };
  },
};

async function openFixture(): Promise<CliFixture> {
  const cli = new CliFixture();
  // The command waits for a daemon that stops, so this daemon refuses.
  const handlers = {
    "down": () => {
      throw new IpoibError("E_TEST", "The interface stays", { errno: 16 });
    },
  };
  const calls = [
    await cli.daemon("ib0", { children: ["ib0.8001"], handlers }),
    await cli.subnet("default"),
  ];
  // Nothing reads the recorded calls, so discard them.
  for (const each of calls) each.push = () => 0;
  return cli;
}
