/** The keys of configuration files with their descriptions, for the help and the manual. */

import type { Option } from "@commander-js/extra-typings";
import { definitions } from "../topics.ts";
import {
  CHILD_KEYS,
  NETNS,
  optionsInFiles,
  REPEATED,
  settingsOf,
} from "./interface_file.ts";

/** The keys of a section. */
export interface SectionKeys {
  readonly section: "Interface" | "Child";
  /** Descriptions by key, in the order of the help. */
  readonly keys: ReadonlyMap<string, string>;
}

/** Returns the keys of all sections. `options` are those of `ipoib up`. */
export function configKeys(options: readonly Option[]): SectionKeys[] {
  const repeated = Object.entries(REPEATED);
  const describe = (entries: Iterable<readonly [string, Described]>) =>
    [...entries].map(([key, { description }]) => [key, description] as const);
  return [
    {
      section: "Interface",
      keys: new Map([
        ...[...optionsInFiles(options)].map((
          [key, option],
        ) => [key, optionText(option)] as const),
        [NETNS, "network namespace: NAME, PID or PATH"],
        ...describe(settingsOf("parent")),
        ...describe(repeated),
      ]),
    },
    {
      section: "Child",
      keys: new Map([
        ...Object.entries(CHILD_KEYS),
        ...describe(settingsOf("child")),
        ...describe(repeated),
      ]),
    },
  ];
}

interface Described {
  readonly description: string;
}

/** Returns the description of an option with its choices and its default, as in the help of `ipoib up`. */
function optionText({ description, argChoices, defaultValue }: Option): string {
  const choices = argChoices ? `: ${argChoices.join(", ")}` : "";
  return `${description}${choices}${
    defaultValue === undefined ? "" : ` (default: ${defaultValue})`
  }`;
}

/** Formats the keys as the text after a help, in lines of at most 80 columns. */
export function keysText(sections: readonly SectionKeys[]): string {
  return sections.map(({ section, keys }) =>
    `\nKeys of section [${section}]:\n${definitions(Object.fromEntries(keys))}`
  ).join("");
}
