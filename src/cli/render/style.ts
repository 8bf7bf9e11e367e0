/** Text style: the output options and the colors. */

import {
  blue,
  cyan,
  gray,
  green,
  inverse,
  magenta,
  red,
  setColorEnabled,
  yellow,
} from "@std/fmt/colors";
import { printable } from "../../base/printable.ts";
import type { Family, GlobalOptions } from "../options.ts";

/** The colors of iproute2, by the kind of value. */
export interface Palette {
  /** A name, without control characters. */
  name(text: string): string;
  lladdr(text: string): string;
  inet(text: string): string;
  inet6(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  caution(text: string): string;
  /** What is not in use. */
  faint(text: string): string;
  /** The heading of a table on a screen. */
  heading(text: string): string;
  /** The colors of partitions, used cyclically. */
  readonly partitions: readonly ((text: string) => string)[];
}

const plainText = (text: string) => text;

/** Text without colors. */
export const PLAIN: Palette = {
  name: printable,
  lladdr: plainText,
  inet: plainText,
  inet6: plainText,
  good: plainText,
  bad: plainText,
  caution: plainText,
  faint: plainText,
  heading: plainText,
  partitions: [plainText],
};

const COLORED: Palette = {
  name: (text) => cyan(printable(text)),
  lladdr: yellow,
  inet: magenta,
  inet6: blue,
  good: green,
  bad: red,
  caution: yellow,
  faint: gray,
  heading: inverse,
  partitions: [cyan, yellow, magenta, green, blue],
};

/** The output options that affect text, and the palette. */
export interface Style {
  details: boolean;
  stats: boolean;
  human: boolean;
  oneline: boolean;
  brief: boolean;
  /** The only address family to show; undefined for all. */
  family?: Family | undefined;
  palette: Palette;
  /** The namespace of the records, with `-a`. */
  netns?: string | undefined;
}

/**
 * Returns the style that the options request.
 *
 * @param autoColor true to use colors unless option `-c` requests otherwise
 */
export function styleOf(options: GlobalOptions, autoColor: boolean): Style {
  const { color: choice = "auto" } = options;
  const color = choice === "auto" ? autoColor : choice === "always";
  // The library observes NO_COLOR, which the option overrides.
  if (choice === "always") setColorEnabled(true);
  return {
    brief: options.brief ?? false,
    family: options.family,
    details: options.details ?? false,
    stats: options.stats ?? false,
    human: options.human ?? false,
    oneline: options.oneline ?? false,
    palette: color ? COLORED : PLAIN,
  };
}

/** Colors an operational state as iproute2 does. */
export function operstate(state: string, { good, bad }: Palette): string {
  return state === "UP" ? good(state) : state === "DOWN" ? bad(state) : state;
}

/** Pads text with spaces to a width; the escape sequences of `color` do not count. */
export function padded(
  text: string,
  width: number,
  color: (text: string) => string,
): string {
  return color(text) + " ".repeat(Math.max(0, width - text.length));
}

/** Returns the family of an IP address. */
export function familyOf(address: string): "inet" | "inet6" {
  return address.includes(":") ? "inet6" : "inet";
}

/** Colors an IP address by its family. */
export function address(text: string, palette: Palette): string {
  return palette[familyOf(text)](text);
}

/** Joins the lines of a record with newlines, or with backslashes for `-o`, as iproute2 does. */
export function lines(parts: string[], style: Style): string {
  return `${parts.join(style.oneline ? "\\" : "\n")}\n`;
}
