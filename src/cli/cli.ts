/** State and helpers that all commands share: the environment, the exit code, target lookup and output. */

import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import type { CliEnvironment } from "./environment.ts";
import { usageError } from "./errors.ts";
import { globalsOf } from "./options.ts";
import { renderJson } from "./render/json.ts";
import { type Style, styleOf } from "./render/style.ts";
import { openInterface, type Otherwise, type Target } from "./session.ts";

/** One run of the command line. */
export class Cli {
  readonly environment: CliEnvironment;
  /** Exit code of the run unless a command throws. */
  exitCode = 0;

  constructor(environment: CliEnvironment) {
    this.environment = environment;
  }

  /**
   * Calls {@linkcode openInterface} for interface `name` in the namespace that option `-n` selects. Throws `E_USAGE` with
   * `-a`.
   */
  async open(
    command: CommandUnknownOpts,
    name?: string,
    otherwise?: Otherwise,
  ): Promise<Target> {
    refuseAllNetns(command);
    const { environment } = this;
    return await openInterface(environment, netnsOf(command), name, otherwise);
  }

  /** Throws the error of {@linkcode open} if an interface is named that is not running. With `-a`, it may be anywhere. */
  async checkRunning(
    command: CommandUnknownOpts,
    name?: string,
    otherwise?: Otherwise,
  ): Promise<void> {
    if (name === undefined || globalsOf(command).allNetns) return;
    (await this.open(command, name, otherwise)).client.close();
  }

  /** Prints `records` as JSON with `-j`, otherwise as text; `json` converts a record for JSON. */
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

/** Throws `E_USAGE` if option `-a` was given to a command that does not show interfaces of several namespaces. */
export function refuseAllNetns(command: CommandUnknownOpts): void {
  if (!globalsOf(command).allNetns) return;
  throw usageError(
    "Option -a does not apply to this command",
    "it is for commands that show all interfaces; -n NS selects the namespace of one",
  );
}

/** Returns the value of option `-n` of a command. */
export function netnsOf(command: CommandUnknownOpts): string | undefined {
  return globalsOf(command).netns;
}
