/**
 * Translates a command line in the grammar of `ip` to full command names, which commander parses.
 *
 * - Commands and options may be abbreviated: as in `ip` if it has them (iproute2.ts), otherwise to a unique prefix. A
 *   prefix of the first commands stands for one of them, whatever commands were added later ({@linkcode FIRST}).
 * - Options of all commands may stand anywhere. They are moved to the front, so that the last of repeated ones applies.
 * - An object without a command is shown, and `help` is a command of every object and of every command.
 * - `dev` may precede the interface.
 */

import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { checkOption } from "./foreign_options.ts";
import { commandOfIp, optionOfIp } from "./iproute2.ts";

/** Options with one letter, which may be joined: `-jp`. */
const LETTERS = /^-[adjpostHc460]+n?$/;

/**
 * The first commands and objects. Their abbreviations do not change: a later one has only those that begin none of them,
 * so that `c` is child, and `ca` is capture.
 */
const FIRST: readonly string[] = [
  ...["up", "down", "link", "addr", "child", "neigh", "path", "maddr", "mcg"],
  ...["debug", "param", "get", "set", "ethtool", "subnet"],
];

/** Translates the words of a command line. Throws the errors of commander. */
export function translate(
  args: readonly string[],
  program: CommandUnknownOpts,
): string[] {
  return new Translation(args, program).run();
}

/**
 * Returns the words from the command on, without the options before it.
 *
 * @param program without commands
 */
export function fromCommand(
  args: readonly string[],
  program: CommandUnknownOpts,
): readonly string[] {
  return new Translation(args, program).fromCommand();
}

/** The end of an incomplete command line: what its next word may be. */
export interface LineEnd {
  /** The command or object that the words name. */
  readonly command: CommandUnknownOpts;
  /** The options of the command itself, in the order of the words. */
  readonly options: readonly Option[];
  /** The option of which the next word is the value. */
  readonly option: Option | undefined;
  /** The operands so far. */
  readonly operands: readonly string[];
  /** Options of all commands with their values, such as `--netns=blue`. */
  readonly globals: readonly string[];
  /** True after `--`. */
  readonly operandsOnly: boolean;
  /** True if the words ask for help. */
  readonly help: boolean;
}

/** Translates the words before the next one. Throws the errors of commander. */
export function endOf(
  args: readonly string[],
  program: CommandUnknownOpts,
): LineEnd {
  return new Translation(args, program).end();
}

class Translation {
  /** The words that are left. */
  readonly #rest: string[];
  /** The command that the words so far name. */
  #at: CommandUnknownOpts;
  readonly #globals: string[] = [];
  readonly #words: string[] = [];
  #help = false;
  /** The words that are arguments of the command. */
  readonly #operands: string[] = [];
  readonly #options: Option[] = [];
  /** The last option, if its value is missing. */
  #incomplete: Option | undefined;
  #operandsOnly = false;
  /** A word that is not a command where one must be. */
  #unknown: string | undefined;
  /** True if `dev` preceded the interface. */
  #devTaken = false;

  constructor(args: readonly string[], program: CommandUnknownOpts) {
    this.#rest = [...args];
    this.#at = program;
  }

  run(): string[] {
    this.#takeAll();
    if (this.#incomplete) {
      const { flags } = this.#incomplete;
      this.#at.error(`error: option '${flags}' argument missing`);
    }
    // Commander refuses the word, and gives no help for it.
    const help = this.#help && this.#unknown === undefined;
    if (!help) this.#takeDefault();
    return [...this.#globals, ...this.#words, ...(help ? ["--help"] : [])];
  }

  end(): LineEnd {
    this.#takeAll();
    if (this.#unknown !== undefined) {
      this.#at.error(`error: unknown command '${this.#unknown}'`);
    }
    return {
      command: this.#at,
      options: this.#options,
      option: this.#incomplete,
      operands: this.#operands,
      globals: this.#globals,
      operandsOnly: this.#operandsOnly,
      help: this.#help,
    };
  }

  fromCommand(): readonly string[] {
    while (isOption(this.#rest[0])) this.#takeOption(this.#rest.shift()!);
    return this.#rest;
  }

  #takeAll(): void {
    while (this.#rest.length > 0) {
      const word = this.#rest.shift()!;
      if (word === "--") this.#takeOperands();
      else if (isOption(word)) this.#takeOption(word);
      else this.#take(word);
    }
  }

  /** Takes all words that are left, of which none is an option. */
  #takeOperands(): void {
    this.#operandsOnly = true;
    while (this.#rest.length > 0 && isObject(this.#at)) {
      this.#take(this.#rest.shift()!);
    }
    if (this.#rest.length === 0) return;
    const operands = this.#rest.splice(0);
    this.#operands.push(...operands);
    this.#words.push("--", ...operands);
  }

  #take(word: string): void {
    if (isObject(this.#at)) this.#takeCommand(word);
    else this.#takeOperand(word);
  }

  #takeCommand(word: string): void {
    const name = this.#commandName(word);
    if (name === "help") {
      this.#help = true;
      return;
    }
    this.#words.push(name);
    const next = this.#at.commands.find((each) => each.name() === name);
    if (next) this.#at = next;
    else {
      this.#unknown = word;
      this.#rest.length = 0;
    }
  }

  /** Returns the full name of a command of the current object, or `word` if there is none. */
  #commandName(word: string): string {
    const { commands, parent } = this.#at;
    const object = parent === null ? undefined : this.#at.name();
    const found = commands.filter((each) => namesOf(each).includes(word));
    if (found.length === 1) return found[0]!.name();
    if (word === "") return word;
    const ofIp = commandOfIp(word, object);
    if (ofIp !== undefined) return ofIp;
    const all = commands.filter((each) =>
      namesOf(each).some((name) => name.startsWith(word))
    );
    const preferred = parent === null
      ? all.filter((each) => FIRST.includes(each.name()))
      : [];
    const candidates = preferred.length > 0 ? preferred : all;
    if (candidates.length > 1) {
      const names = candidates.map((each) => each.name()).join(", ");
      this.#at.error(`error: ambiguous command '${word}'\n${names}`);
    }
    return candidates[0]?.name() ?? ("help".startsWith(word) ? "help" : word);
  }

  #takeOperand(word: string): void {
    const first = this.#operands.length === 0 && !this.#devTaken;
    if (first && word === "help") {
      this.#help = true;
      return;
    }
    const precedesInterface = first && word === "dev" &&
      this.#rest.length > 0 && beginsWithInterface(this.#at);
    if (precedesInterface) this.#devTaken = true;
    else {
      this.#operands.push(word);
      this.#words.push(word);
    }
  }

  /** Takes an option: one of the command itself, then one of all commands. */
  #takeOption(word: string): void {
    const [name = "", value] = split(word);
    const show = showOf(this.#at);
    const own = ownOption(this.#at, name) ?? (show && ownOption(show, name));
    if (own) {
      if (show) this.#takeCommand(show.name());
      this.#words.push(word);
      this.#options.push(own);
      if (own.required && value === undefined) {
        const given = this.#rest.shift();
        if (given === undefined) this.#incomplete = own;
        else this.#words.push(given);
      }
      return;
    }
    const first = this.#operands.length + this.#options.length === 0;
    checkOption(this.#at, name, first);
    const option = optionOfIp(name);
    if (!option && hasJoinedValue(this.#at, word)) this.#words.push(word);
    else if (!option && LETTERS.test(word)) {
      const letters = [...word.slice(1)].map((letter) => `-${letter}`);
      this.#rest.unshift(...letters);
    } else if (!option) this.#words.push(word);
    else if (option.name === "help") this.#help = true;
    else if (option.name === undefined) {
      this.#at.error(
        `error: option '-${option.word}' of ip is not supported`,
      );
    } else {
      const given = value ??
        (option.takesValue ? this.#rest.shift() : option.value);
      const flag = `--${option.name}`;
      if (option.takesValue && given === undefined) {
        this.#incomplete = optionOf(programOf(this.#at), flag);
        return;
      }
      this.#globals.push(given === undefined ? flag : `${flag}=${given}`);
    }
  }

  /** Adds the command that shows an object, if the words end with the object; for `ipoib -a`, all interfaces. */
  #takeDefault(): void {
    const at = this.#at;
    if (!isObject(at)) return;
    if (at.parent === null) {
      const all = this.#globals.includes("--all-netns");
      if (all && this.#words.length === 0) this.#words.push("link", "show");
      return;
    }
    // After an unknown command or option, the last word is another one.
    if (this.#words.at(-1) !== at.name()) return;
    const show = showOf(at);
    if (show) this.#words.push(show.name());
  }
}

function isOption(word: string | undefined): word is string {
  return word !== undefined && word !== "--" && /^-./.test(word);
}

/** True for a command that has commands. */
export function isObject(command: CommandUnknownOpts): boolean {
  return command.commands.length > 0;
}

/** Returns the command that shows an object. */
export function showOf(
  object: CommandUnknownOpts,
): CommandUnknownOpts | undefined {
  return object.commands.find((each) => namesOf(each).includes("show"));
}

/** Returns an option that only this command has. The options of the program are those of all commands. */
function ownOption(command: CommandUnknownOpts, flag: string) {
  return command.parent === null ? undefined : optionOf(command, flag);
}

/** True if a word begins with an option of the command, and its value follows without a space: `-s64`. */
function hasJoinedValue(command: CommandUnknownOpts, word: string): boolean {
  return ownOption(command, word.slice(0, 2))?.required ?? false;
}

/** Returns the option of a command that has this flag, in its short or its long form. */
export function optionOf(
  command: CommandUnknownOpts,
  flag: string,
): Option | undefined {
  return command.options.find(({ short, long }) =>
    flag === short || flag === long
  );
}

function namesOf(command: CommandUnknownOpts): string[] {
  return [command.name(), ...command.aliases()];
}

export function beginsWithInterface(command: CommandUnknownOpts): boolean {
  const [first] = command.registeredArguments;
  return first !== undefined && first.name() === "IF" && !first.variadic;
}

export function programOf(command: CommandUnknownOpts): CommandUnknownOpts {
  return command.parent === null ? command : programOf(command.parent);
}

/** Splits `--name=value`. */
export function split(word: string): string[] {
  const at = word.indexOf("=");
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)];
}
