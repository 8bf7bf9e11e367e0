/** Fuzz target of the configuration file of an interface. */

import { assert } from "@std/assert";
import { Cli } from "../../../src/cli/cli.ts";
import { up } from "../../../src/cli/commands/up.ts";
import { readInterfaceFile } from "../../../src/cli/config/interface_file.ts";
import type { CliEnvironment } from "../../../src/cli/environment.ts";
import { parserTarget } from "./target.ts";

const decoder = new TextDecoder();
// The options are those of a command that is not run.
const { options } = up(new Cli({} as CliEnvironment));

export const interfaceFileTarget = parserTarget(
  "interface_file",
  "text",
  (bytes) => {
    const text = decoder.decode(bytes);
    const { problems, setup } = readInterfaceFile(text, {
      ...{ path: "ib0.conf", ifname: "ib0", options },
    });
    const lines = text.split("\n").length;
    assert(problems.every(({ line }) => line >= 1 && line <= lines));
    // At most a line each, and two for a section: a child is created and set up.
    assert(setup.length <= 2 * lines);
    return problems.length === 0;
  },
);
