/** What commands share: the environment, the exit code, the interface that is meant, and printing as text or JSON. */

import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import type { CliEnvironment } from "./environment.ts";
import { addGlobals, globalsOf } from "./options.ts";
import { renderJson } from "./render/json.ts";
import { type Style, styleOf } from "./render/style.ts";
import { openInterface, type Target } from "./session.ts";

export class Cli {
  readonly environment: CliEnvironment;
  exitCode = 0;

  constructor(environment: CliEnvironment) {
    this.environment = environment;
  }

  /** Connects to the owner of interface `name` in the namespace of `-n`, as {@linkcode openInterface} does. */
  async open(command: CommandUnknownOpts, name?: string): Promise<Target> {
    return await openInterface(this.environment, netnsOf(command), name);
  }

  /** Prints `records` as the options of `command` ask for. */
  print<T>(
    command: CommandUnknownOpts,
    records: T[],
    render: (records: T[], style: Style) => string,
    json: (record: T) => unknown = (record) => record,
  ): void {
    const options = globalsOf(command);
    const { environment } = this;
    environment.out(
      options.json
        ? renderJson(records.map(json), options.pretty ?? false)
        : render(records, styleOf(options, environment.color)),
    );
  }
}

/** A command's `-n`. */
export function netnsOf(command: CommandUnknownOpts): string | undefined {
  return globalsOf(command).netns;
}

/** Adds the options of a command that prints records. */
export function prints<C extends CommandUnknownOpts>(command: C): C {
  addGlobals(command);
  return command;
}
