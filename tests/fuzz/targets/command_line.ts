/** Command lines, with processes that answer; none starts anything. */

import { assert } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { World } from "../../cli/support.ts";
import type { FuzzTarget } from "./target.ts";

const decoder = new TextDecoder();
const CODES = [0, 1, 2, 3];

export const commandLineTarget: FuzzTarget = {
  name: "command_line",
  kind: "text",
  inputsPerSession: 500,
  open() {
    const opened = openWorld();
    return {
      async run(input) {
        const world = await opened;
        const words = decoder.decode(input).split(/[ \n\0]+/)
          .filter((word) => word !== "");
        const { code, out, err } = await world.run(words);
        assert(CODES.includes(code), `exit code ${code}`);
        // Help of a group that was given no command is on standard error too.
        assert(code === 0 || err !== "", "a failure has a sentence");
        assert(
          !/TypeError|RangeError|Cannot read|undefined|\[object/.test(
            out + err,
          ),
          out + err,
        );
        world.ups.length = 0;
        world.subnetRuns.length = 0;
        return code === 0;
      },
      async close() {
        await (await opened)[Symbol.asyncDispose]();
      },
    };
  },
};

async function openWorld(): Promise<World> {
  const world = new World();
  // One that took itself away would be waited for.
  const handlers = {
    "down": () => {
      throw new IpoibError("E_TEST", "The interface stays", { errno: 16 });
    },
  };
  const calls = [
    await world.daemon("ib0", { children: ["ib0.8001"], handlers }),
    await world.subnet("default"),
  ];
  // They are not looked at, and would be kept.
  for (const each of calls) each.push = () => 0;
  return world;
}
