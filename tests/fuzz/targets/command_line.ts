/** Command lines, against fake processes. */

import { assert } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { CliFixture } from "../../cli/support.ts";
import type { FuzzTarget } from "./target.ts";

const decoder = new TextDecoder();
const CODES = [0, 1, 2, 3];

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
        assert(code === 0 || err !== "", "a failure without an error message");
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
  // After a successful `down` the command would wait for the end of the fake process.
  const handlers = {
    "down": () => {
      throw new IpoibError("E_TEST", "The interface stays", { errno: 16 });
    },
  };
  const calls = [
    await cli.daemon("ib0", { children: ["ib0.8001"], handlers }),
    await cli.subnet("default"),
  ];
  // The calls are not checked. Recording them would leak memory.
  for (const each of calls) each.push = () => 0;
  return cli;
}
