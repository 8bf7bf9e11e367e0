/**
 * The command line as a function: words in, exit code out, text through the environment.
 *
 * Help and version go to standard output with exit code 0. Wrong arguments give one line that says what is wrong and one with
 * the usage of the command in question, both on standard error, and exit code 1.
 */

import {
  CommanderError,
  type CommandUnknownOpts,
} from "@commander-js/extra-typings";
import { IpoibError } from "../base/errors.ts";
import { Cli } from "./cli.ts";
import type { CliEnvironment } from "./environment.ts";
import { errorLine, Exit, exitCode, usageError } from "./errors.ts";
import { buildProgram } from "./program.ts";

/** A refusal by the parser, with the command that it happened in. */
class ParseError extends Error {
  readonly command: CommandUnknownOpts;
  readonly reason: CommanderError;

  constructor(command: CommandUnknownOpts, reason: CommanderError) {
    super(reason.message);
    this.command = command;
    this.reason = reason;
  }
}

/** Errors of the arguments themselves. */
const WITH_USAGE = new Set(["E_USAGE", "E_NAME"]);

/** Runs one command line and returns its exit code; never throws, never exits. */
export async function run(
  args: readonly string[],
  environment: CliEnvironment,
): Promise<number> {
  const cli = new Cli(environment);
  const program = buildProgram(cli);
  let current = program;
  prepare(program, environment);
  program.hook("preAction", (_program, action) => void (current = action));
  try {
    await program.parseAsync(helpLast(args), { from: "user" });
    return cli.exitCode;
  } catch (error) {
    if (error instanceof ParseError) return refuse(error, environment);
    const failure = IpoibError.from(error);
    environment.err(errorLine(failure));
    if (WITH_USAGE.has(failure.code)) environment.err(usageLine(current));
    return exitCode(failure);
  }
}

/** `help link show` is `link show --help`. */
function helpLast(args: readonly string[]): string[] {
  return args[0] === "help" ? [...args.slice(1), "--help"] : [...args];
}

/** Makes a command and all below it throw instead of exit, and write to the environment. */
function prepare(
  command: CommandUnknownOpts,
  environment: CliEnvironment,
): void {
  command.configureOutput({
    writeOut: (text) => environment.out(text),
    // What is wrong is said once, in refuse().
    writeErr: () => {},
    outputError: () => {},
  });
  command.exitOverride((error) => {
    throw new ParseError(command, error);
  });
  command.enablePositionalOptions();
  command.helpOption("-h, --help", "print help");
  for (const child of command.commands) prepare(child, environment);
}

function refuse(
  { command, reason }: ParseError,
  environment: CliEnvironment,
): number {
  if (reason.exitCode === 0) return Exit.Ok;
  environment.err(errorLine(parserMessage(command, reason)));
  environment.err(usageLine(command));
  return Exit.Usage;
}

/** The parser's message in the program's style. */
function parserMessage(
  command: CommandUnknownOpts,
  reason: CommanderError,
): IpoibError {
  if (reason.code === "commander.help") {
    const names = command.commands.map((child) => child.name());
    return usageError("Command is missing", `one of ${names.join(", ")}`);
  }
  const [first = "", hint] = reason.message.replace(/^error: /, "")
    .split("\n");
  const message = first
    .replace(
      /^command-argument value ('.*') is invalid for argument '(.*?)'/,
      "argument $2 $1 is invalid",
    )
    .replace(/\.$/, "").replace(
      /\. (\w)/,
      (_, letter) => `: ${letter.toLowerCase()}`,
    );
  return usageError(
    message.charAt(0).toUpperCase() + message.slice(1),
    hint?.replace(/^\((.*)\?\)$/, "$1?").replace(/^Did/, "did"),
  );
}

function usageLine(command: CommandUnknownOpts): string {
  const names = [command.name()];
  for (let above = command.parent; above; above = above.parent) {
    names.unshift(above.name());
  }
  return `usage: ${names.join(" ")} ${command.usage()}\n`;
}
