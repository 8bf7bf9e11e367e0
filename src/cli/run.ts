/**
 * Runs a command line: takes the arguments, writes output through the environment, returns the exit code.
 *
 * Help and version are written to standard output with exit code 0. For invalid arguments, an error line and a usage
 * line are written to standard error, and the exit code is 1.
 */

import {
  CommanderError,
  type CommandUnknownOpts,
} from "@commander-js/extra-typings";
import { IpoibError } from "../base/errors.ts";
import { Cli } from "./cli.ts";
import { ASK } from "./completion/shells.ts";
import type { CliEnvironment } from "./environment.ts";
import { errorLine, Exit, exitCode, usageError } from "./errors.ts";
import { commandOfIp } from "./iproute2.ts";
import { globalsOf } from "./options.ts";
import { wordsOf } from "./plugin_call.ts";
import { addCommands, bareProgram, isCommand } from "./program.ts";
import { type Topic, topicOf } from "./topics.ts";
import { fromCommand, translate } from "./translate.ts";

/** An exception of commander, with the command that raised it. */
class ParseError extends Error {
  readonly command: CommandUnknownOpts;
  readonly reason: CommanderError;

  constructor(command: CommandUnknownOpts, reason: CommanderError) {
    super(reason.message);
    this.command = command;
    this.reason = reason;
  }
}

/** Codes of errors that are followed by a usage line. */
const WITH_USAGE = new Set(["E_USAGE", "E_NAME"]);

/** Words that ask for help, also abbreviated, and the one that asks for completions: they need the whole command tree. */
const NEEDS_ALL = new RegExp(`^(-{0,2}h|${ASK}$)`);

/** Runs a command line and returns its exit code. Neither throws nor exits. */
export async function run(
  args: readonly string[],
  environment: CliEnvironment,
): Promise<number> {
  const words = wordsOf(args, environment);
  const all = words.some((word) => NEEDS_ALL.test(word));
  return await runWith(words, environment, all);
}

/** Runs a command line with all commands, or with those that it may name. */
async function runWith(
  args: readonly string[],
  environment: CliEnvironment,
  all: boolean,
): Promise<number> {
  const topic = helpTopic(args);
  if (topic) {
    environment.out(topic.text);
    return Exit.Ok;
  }
  const cli = new Cli(environment);
  const program = bareProgram();
  prepare(program, environment);
  let current = program;
  program.hook("preAction", (_program, action) => void (current = action));
  try {
    await addCommands(
      program,
      cli,
      all ? undefined : fromCommand(args, program),
    );
    for (const command of program.commands) prepare(command, environment);
    if (args[0] === ASK) {
      const { answer } = await import("./completion/answer.ts");
      return await answer(args.slice(1), program, environment);
    }
    await program.parseAsync(translate(args, program), { from: "user" });
    return cli.exitCode;
  } catch (error) {
    if (error instanceof ParseError) {
      // The error names commands that are similar: all of them must be known.
      const unknown = ["commander.unknownCommand", "commander.help"]
        .includes(error.reason.code);
      if (unknown && !all) return await runWith(args, environment, true);
      return report(error, environment);
    }
    const failure = IpoibError.from(error);
    environment.err(errorLine(failure));
    if (WITH_USAGE.has(failure.code)) environment.err(usageLine(current));
    return exitCode(failure);
  }
}

/** Returns the topic of `ipoib help TOPIC`. A command has precedence over a topic with the same beginning. */
function helpTopic(
  [help, word, more]: readonly string[],
): Topic | undefined {
  if (help !== "help" || word === undefined || more !== undefined) return;
  return isCommand(word) ? undefined : topicOf(word);
}

/** Configures a command and its subcommands to throw instead of exiting, and to write to the environment. */
function prepare(
  command: CommandUnknownOpts,
  environment: CliEnvironment,
): void {
  command.configureOutput({
    writeOut: (text) => environment.out(text),
    // report() prints the error.
    writeErr: () => {},
    outputError: () => {},
  });
  command.exitOverride((error) => {
    throw new ParseError(command, error);
  });
  command.enablePositionalOptions();
  command.helpOption("-h, --help", "print help");
  command.configureHelp({ showGlobalOptions: true, minWidthToWrap: 24 });
  for (const child of command.commands) prepare(child, environment);
}

/** Prints a parser error and returns its exit code, 1 unless the command has another; help and version exit with 0. */
function report(
  { command, reason }: ParseError,
  environment: CliEnvironment,
): number {
  if (reason.exitCode === 0) return Exit.Ok;
  environment.err(errorLine(parserMessage(command, reason)));
  environment.err(usageLine(command));
  return reason.exitCode;
}

/** Converts a message of commander to the style of this program. */
function parserMessage(
  command: CommandUnknownOpts,
  reason: CommanderError,
): IpoibError {
  if (reason.code === "commander.help") {
    const names = command.commands.map((child) => child.name());
    const { netns } = globalsOf(command);
    return usageError(
      "Command is missing",
      command.parent === null && netns !== undefined
        ? `"${netns}" is the network namespace of option -n`
        : `expected ${names.join(", ")}`,
    );
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
    hint?.replace(/^\((.*)\?\)$/, "$1?").replace(/^Did/, "did") ??
      ipHint(command, first),
  );
}

/** Returns a hint for a command of an object that only `ip` has. */
function ipHint(
  command: CommandUnknownOpts,
  message: string,
): string | undefined {
  const word = /^unknown command '(.*)'$/.exec(message)?.[1];
  const object = command.name();
  if (word === undefined || command.parent === null) return undefined;
  const name = commandOfIp(word, object);
  return name === undefined ? undefined : `use ip ${object} ${name}`;
}

function usageLine(command: CommandUnknownOpts): string {
  const names = [command.name()];
  for (let above = command.parent; above; above = above.parent) {
    names.unshift(above.name());
  }
  return `usage: ${names.join(" ")} ${command.usage()}\n`;
}
