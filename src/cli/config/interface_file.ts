/**
 * Reads the configuration file of an interface: options of `ipoib up`, and the calls that apply the other keys.
 *
 * The keys of section [Interface] are the options of `ipoib up` with a value, by their long names, and those of
 * {@linkcode SETTINGS}; each section [Child] creates a child interface. `address` and `route` may be repeated.
 */

import * as v from "valibot";
import { InvalidArgumentError, type Option } from "@commander-js/extra-typings";
import { IpoibError } from "../../base/errors.ts";
import { childName, MIN_DEVICE_MTU } from "../../base/units.ts";
import { methods } from "../../ipc/schema.ts";
import type { SetupCall, SetupStep } from "../../ipc/setup.ts";
import { usageError } from "../errors.ts";
import { checkMinMtu, readName } from "../link_values.ts";
import { childPkey, parseInteger } from "../options.ts";
import { parseAddressWords, parseRouteWords } from "./address_words.ts";
import { type Setting, SETTINGS } from "./settings.ts";
import {
  type Entry,
  parseSyntax,
  type Position,
  type Problem,
  type Section,
} from "./syntax.ts";

/** Options that a file cannot have: they choose the file, or how the command runs. */
export const NOT_IN_FILES = [
  "--config",
  "--no-config",
  "--background",
  "--threads",
  "--timeout",
  "--log-file",
];

/** The namespace is an option of all commands. */
export const NETNS = "netns";

/** Keys that may be repeated. The interface has all addresses before the first route. */
export const REPEATED: Readonly<
  Record<string, Pick<Setting, "description" | "read">>
> = {
  "address": {
    description: "ADDRESS/LENGTH [peer A] [brd A|+] [label NAME] [metric N] " +
      "[nodad] [noprefixroute], as of ip address add",
    read: (name, value) => ({
      method: "addr.add",
      params: { name, ...parseAddressWords(value) },
    }),
  },
  "route": {
    description: "PREFIX|default [via A] [src A] [metric N] [table N] " +
      "[mtu N] [onlink], as of ip route add",
    read: (name, value) => ({
      method: "route.add",
      params: { name, ...parseRouteWords(value) },
    }),
  },
};

/** Keys of a child that are not settings, with their descriptions. */
export const CHILD_KEYS: Readonly<Record<string, string>> = {
  "pkey": "P_Key, such as 0x8001 (required)",
  "name": "name of the child (default: as ipoib child create: ib0.8001)",
  "up": "no to leave the child down (default: yes)",
};

/** The result of reading a file. */
export interface InterfaceFile {
  /** Values of the options of `ipoib up` that the file contains, by the names of commander. */
  readonly options: ReadonlyMap<string, unknown>;
  readonly setup: readonly SetupStep[];
  readonly problems: readonly Problem[];
}

/** Where a file comes from, and what it describes. */
export interface FileContext {
  readonly path: string;
  readonly ifname: string;
  /** The options of `ipoib up`. */
  readonly options: readonly Option[];
}

/** Reads a file. Problems are in the order of their lines. */
export function readInterfaceFile(
  text: string,
  context: FileContext,
): InterfaceFile {
  return new Reader(context).read(text);
}

/** Returns the options of `ipoib up` that a file can have, by their keys. */
export function optionsInFiles(
  options: readonly Option[],
): Map<string, Option> {
  return new Map(
    options.filter(({ long }) => long && !NOT_IN_FILES.includes(long))
      .map((option) => [option.long!.slice(2), option]),
  );
}

class Reader {
  readonly #path: string;
  readonly #ifname: string;
  readonly #known: ReadonlyMap<string, Option>;
  readonly #options = new Map<string, unknown>();
  readonly #setup: SetupStep[] = [];
  readonly #problems: Problem[] = [];
  readonly #children = new Map<string, Section>();

  constructor({ path, ifname, options }: FileContext) {
    this.#path = path;
    this.#ifname = ifname;
    this.#known = optionsInFiles(options);
  }

  read(text: string): InterfaceFile {
    const { sections, problems } = parseSyntax(text);
    this.#problems.push(...problems);
    const [first, second] = sections.filter(({ name }) => name === "interface");
    if (second) {
      this.#refuse(second, `Section [Interface] is in line ${first!.line} too`);
    }
    if (first) this.#readInterface(first);
    for (const section of sections) {
      if (section.name === "child") this.#readChild(section);
      else if (section.name !== "interface") {
        this.#refuse(
          section,
          `Unknown section [${section.title}]`,
          "expected [Interface] or [Child]",
        );
      }
    }
    this.#problems.sort((a, b) => a.line - b.line || a.column - b.column);
    return {
      options: this.#options,
      setup: this.#setup,
      problems: this.#problems,
    };
  }

  #readInterface(section: Section): void {
    const settings = settingsOf("parent");
    const entries = this.#distinct(section, [
      ...this.#known.keys(),
      ...[NETNS, ...settings.keys()],
    ]);
    for (const [key, entry] of entries) {
      const option = this.#known.get(key);
      if (option) {
        this.#try(
          entry,
          () =>
            this.#options.set(
              option.attributeName(),
              readOption(option, entry),
            ),
        );
      } else if (key === NETNS) this.#options.set(NETNS, entry.value);
    }
    this.#checkMtu(entries);
    this.#addSettings(this.#ifname, entries, settings);
    this.#addRepeated(section, this.#ifname);
  }

  #readChild(section: Section): void {
    const settings = settingsOf("child");
    const entries = this.#distinct(section, [
      ...Object.keys(CHILD_KEYS),
      ...settings.keys(),
    ]);
    const pkeyEntry = entries.get("pkey");
    if (!pkeyEntry) {
      this.#refuse(section, "Section [Child] has no pkey", "add pkey = P_KEY");
      return;
    }
    const pkey = this.#try(pkeyEntry, () => childPkey(pkeyEntry.value));
    const nameEntry = entries.get("name");
    const given = nameEntry &&
      this.#try(nameEntry, () => readName(nameEntry.value));
    const ifname = given ?? childName(this.#ifname, pkey ?? 0);
    if (nameEntry ? given !== undefined : pkey !== undefined) {
      this.#checkName(nameEntry ?? pkeyEntry, ifname);
      this.#children.set(ifname, section);
    }
    this.#add(section, ifname, () =>
      given === undefined
        ? {
          method: "child.create",
          params: { parent: this.#ifname, pkey: pkey ?? 0 },
        }
        : {
          method: "link.add",
          params: { link: this.#ifname, name: given, pkey: pkey ?? 0 },
        });
    this.#checkMtu(entries);
    this.#addSettings(ifname, entries, settings);
    const upEntry = entries.get("up");
    const up = upEntry
      ? this.#try(upEntry, () => readSwitch(upEntry.value))
      : true;
    if (up) {
      this.#add(upEntry ?? section, ifname, () => ({
        method: "link.set",
        params: { name: ifname, up },
      }));
    }
    this.#addRepeated(section, ifname);
  }

  #checkName(entry: Entry, ifname: string): void {
    const other = this.#children.get(ifname);
    if (!other && ifname !== this.#ifname) return;
    this.#refuse(
      entry,
      `Interface ${ifname} is ${
        other ? `in line ${other.line} too` : "the parent"
      }`,
      "give the child another name",
    );
  }

  /** Returns the entries of a section by key, without those that may be repeated. Refuses unknown and duplicate keys. */
  #distinct(
    { name, entries }: Section,
    keys: readonly string[],
  ): Map<string, Entry> {
    const known = [...keys, ...Object.keys(REPEATED)];
    const found = new Map<string, Entry>();
    for (const entry of entries) {
      const { key } = entry;
      const before = found.get(key);
      if (!known.includes(key)) {
        this.#refuse(
          entry,
          `Unknown key "${key}" in section [${sectionTitle(name)}]`,
          `expected ${[...new Set(known)].join(", ")}`,
        );
      } else if (before) {
        this.#refuse(entry, `Key "${key}" is in line ${before.line} too`);
      } else if (!Object.hasOwn(REPEATED, key)) found.set(key, entry);
    }
    return found;
  }

  /** Refuses an MTU that is too small for the mode of the same section. An invalid number is refused elsewhere. */
  #checkMtu(entries: ReadonlyMap<string, Entry>): void {
    const entry = entries.get("mtu");
    const mtu = entry && parseInteger(entry.value);
    if (mtu === undefined || mtu < MIN_DEVICE_MTU) return;
    this.#try(entry!, () => checkMinMtu(mtu, entries.get("mode")?.value));
  }

  #addSettings(
    ifname: string,
    entries: ReadonlyMap<string, Entry>,
    settings: ReadonlyMap<string, Setting>,
  ): void {
    for (const [key, setting] of settings) {
      const entry = entries.get(key);
      if (entry) {
        this.#add(entry, ifname, () => setting.read(ifname, entry.value));
      }
    }
  }

  #addRepeated({ entries }: Section, ifname: string): void {
    for (const [key, { read }] of Object.entries(REPEATED)) {
      for (const entry of entries.filter((each) => each.key === key)) {
        this.#add(entry, ifname, () => read(ifname, entry.value));
      }
    }
  }

  /** Adds the call that `read` returns, if it returns one that the schema of its method accepts. */
  #add(at: Entry | Section, ifname: string, read: () => SetupCall): void {
    const call = this.#try(at, () => {
      const call = read();
      const checked = v.safeParse(methods[call.method].params, call.params);
      if (checked.success) return call;
      throw usageError(`Invalid value: ${checked.issues[0].message}`);
    });
    if (!call) return;
    this.#setup.push({ ...call, ifname, where: `${this.#path}:${at.line}` });
  }

  /** Returns the result of `read`, or undefined if it throws because of an invalid value, which is a problem. */
  #try<T>(at: Entry | Section, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      const { message, hint } = "value" in at
        ? invalidValue(at, error)
        : IpoibError.from(error);
      const column = "value" in at ? at.valueColumn : at.column;
      this.#refuse({ line: at.line, column }, message, hint);
      return undefined;
    }
  }

  #refuse({ line, column }: Position, message: string, hint?: string): void {
    this.#problems.push({ line, column, message, hint });
  }
}

function sectionTitle(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** Returns the settings that a kind of interface has. */
export function settingsOf(kind: "parent" | "child"): Map<string, Setting> {
  return new Map(
    Object.entries(SETTINGS).filter(([, { only = kind }]) => only === kind),
  );
}

/** Parses the value of an option of `ipoib up`, as the command line does. */
function readOption(option: Option, { value }: Entry): unknown {
  if (option.isBoolean()) return readSwitch(value);
  return option.parseArg ? option.parseArg(value, undefined) : value;
}

/** Parses a Boolean value in the words of systemd and of `ethtool`. */
function readSwitch(value: string): boolean {
  const word = value.toLowerCase();
  if (["yes", "on", "true", "1"].includes(word)) return true;
  if (["no", "off", "false", "0"].includes(word)) return false;
  throw usageError(`Invalid value "${value}"`, "expected yes or no");
}

/** Returns message and hint for the exception of a parser. Throws one that is not about the value. */
function invalidValue(
  { key, value }: Entry,
  error: unknown,
): { message: string; hint: string | undefined } {
  const comment = / [#;]/.test(value)
    ? "a comment stands on a line of its own"
    : undefined;
  if (error instanceof InvalidArgumentError) {
    const rule = error.message.replace(/\.$/, "");
    return {
      message: `Invalid value "${value}" of ${key}`,
      hint: comment ?? rule.charAt(0).toLowerCase() + rule.slice(1),
    };
  }
  if (!(error instanceof IpoibError)) throw error;
  return { message: error.message, hint: comment ?? error.hint };
}
