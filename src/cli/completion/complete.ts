/** Finds the words that complete a command line. */

import type {
  Argument,
  CommandUnknownOpts,
  Option,
} from "@commander-js/extra-typings";
import type { CliEnvironment } from "../environment.ts";
import { TOPICS } from "../topics.ts";
import {
  beginsWithInterface,
  endOf,
  isObject,
  type LineEnd,
  optionOf,
  programOf,
  showOf,
  split,
} from "../translate.ts";
import {
  type Candidate,
  FILES,
  NONE,
  type Source,
  type Where,
  words,
} from "./candidates.ts";
import { operandsOf } from "./grammar.ts";
import { INTERFACES } from "./live.ts";
import { sourceOf } from "./placeholders.ts";

/**
 * Returns the words that complete the last of `line`, which may be empty; `files` if it is the name of a file. Sources
 * that fail have no words. Throws the errors of commander if the words before the last one are invalid.
 */
export async function complete(
  line: readonly string[],
  program: CommandUnknownOpts,
  environment: CliEnvironment,
): Promise<readonly Candidate[] | "files"> {
  const current = line.at(-1) ?? "";
  const end = endOf(line.slice(0, -1), program);
  const netns = end.globals.findLast((each) => each.startsWith("--netns="));
  const where: Where = { environment, netns: netns && split(netns)[1] };
  const { sources, prefix } = sourcesAt(end, current);
  if (sources.includes(FILES)) return "files";
  return await candidatesOf(sources, where, prefix, current);
}

/** Returns the sources of the next word, and what precedes their words in it. */
function sourcesAt(
  end: LineEnd,
  current: string,
): { sources: readonly Source[]; prefix: string } {
  if (end.option) return { sources: [valueSource(end.option)], prefix: "" };
  if (end.operandsOnly || !current.startsWith("-")) {
    const sources = operandSources(end);
    // No operand can follow.
    const complete = sources.length === 0 && !end.operandsOnly && !end.help;
    return {
      sources: complete ? [optionSource(end.command.options, "")] : sources,
      prefix: "",
    };
  }
  const [flag = "", value] = split(current);
  const option = value === undefined ? undefined : flagOf(end, flag);
  return option ? { sources: [valueSource(option)], prefix: `${flag}=` } : {
    sources: [optionSource(optionsAt(end.command), current)],
    prefix: "",
  };
}

async function candidatesOf(
  sources: readonly Source[],
  where: Where,
  prefix: string,
  current: string,
): Promise<Candidate[]> {
  const found = await Promise.allSettled(
    sources.map(async (source) => await source(where)),
  );
  const all = new Map<string, Candidate>();
  for (const each of found) {
    if (each.status === "rejected") continue;
    for (const { word, ...rest } of each.value) {
      const whole = `${prefix}${word}`;
      if (whole.startsWith(current) && !all.has(whole)) {
        all.set(whole, { word: whole, ...rest });
      }
    }
  }
  return [...all.values()];
}

function operandSources(end: LineEnd): readonly Source[] {
  const { command, operands } = end;
  if (isObject(command)) return [commandSource(end)];
  if (end.help) return [];
  const declared = operandsOf(command);
  if (declared) return declared(operands, end);
  if (operands.length === 1 && operands[0] === "dev") {
    return beginsWithInterface(command) ? [INTERFACES] : [];
  }
  const last = command.registeredArguments.at(-1);
  const next = command.registeredArguments[operands.length] ??
    (last?.variadic ? last : undefined);
  return next ? [argumentSource(next)] : [];
}

/** The commands of an object, and `help`, which precedes topics. */
function commandSource({ command, help }: LineEnd): Source {
  const commands = command.createHelp().visibleCommands(command)
    .filter((each) => each.name() !== "help")
    .map((each) => ({ word: each.name(), text: each.description() }));
  if (!help) return () => [...commands, { word: "help", text: "print help" }];
  const topics = command.parent !== null ? [] : TOPICS.map((
    { name, summary },
  ) => ({ word: name, text: summary }));
  return () => [...commands, ...topics];
}

function argumentSource(argument: Argument): Source {
  const { argChoices } = argument;
  return argChoices ? words(...argChoices) : sourceOf(argument.name()) ?? NONE;
}

/** The values of an option: its choices, or those of its placeholder. */
function valueSource(option: Option): Source {
  const placeholder = /[<[](.*?)[>\]]/.exec(option.flags)?.[1] ?? "";
  return option.argChoices
    ? words(...option.argChoices)
    : sourceOf(placeholder) ?? sourceOf(option.name()) ?? NONE;
}

/** The long forms of options; the short ones if `current` begins with a letter. */
function optionSource(options: readonly Option[], current: string): Source {
  const short = /^-[^-]/.test(current);
  return () =>
    options.filter(({ hidden }) => !hidden).flatMap((option) => {
      const word = short ? option.short : option.long;
      return word === undefined ? [] : [{ word, text: option.description }];
    });
}

/** The options that may follow a command. */
function optionsAt(command: CommandUnknownOpts): Option[] {
  return commandsAt(command).flatMap((each) => [
    ...each.createHelp().visibleOptions(each),
  ]);
}

function flagOf({ command }: LineEnd, flag: string): Option | undefined {
  return commandsAt(command).map((each) => optionOf(each, flag))
    .find((option) => option !== undefined);
}

/** The commands whose options may follow `command`: itself, the one that shows an object, and the program. */
function commandsAt(command: CommandUnknownOpts): CommandUnknownOpts[] {
  const show = showOf(command);
  return [...new Set([command, ...(show ? [show] : []), programOf(command)])];
}
