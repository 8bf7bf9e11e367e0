/** Mutates JSON values. */

import type { Random } from "../../../tests/wire/support.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const VALUES: readonly Json[] = [
  ...[null, true, false, 0, 1, -1, 2, 3, 7, 15, 16, 63, 64, 255, 256, 2048],
  ...[4096, 65535, 65536, 0x7fff, 0x8000, 0xbfff, 0xc000, 0xfffe, 0xffffffff],
  ...[2 ** 32, 2 ** 53, 2 ** 53 - 1, 1.5, 1e308, -0, 5e-324],
  ...["", "0", "0x0", "0x0000000000000011", "0x0000000000000000"],
  ...["0xffffffffffffffff", "ff12401bffff000000000000ffffffff", "ib0"],
  ...["__proto__", "constructor", "toString", "a".repeat(300), "\u0000", "/"],
  [],
  {},
  [[[[]]]],
];
const MAX_TEXT = 60_000;

/**
 * Mutates a JSON value and returns its text; undefined if `text` is not JSON. `other` returns a text whose parts may be
 * inserted.
 */
export function mutateJson(
  text: string,
  next: Random,
  other: () => string,
): string | undefined {
  const value = parse(text);
  if (value === undefined) return undefined;
  const holder = { value };
  for (let times = 1 + next(3); times > 0; times--) {
    const places = placesOf(holder);
    const [where, key] = places[next(places.length)]!;
    const target = where as Record<string | number, Json>;
    change(target, key, next, other);
  }
  const changed = JSON.stringify(holder.value);
  return changed === undefined ? "" : changed.slice(0, MAX_TEXT);
}

function change(
  target: Record<string | number, Json>,
  key: string | number,
  next: Random,
  other: () => string,
): void {
  const old = target[key]!;
  switch (next(8)) {
    case 0:
      if (Array.isArray(target)) target.splice(Number(key), 1);
      else if (key !== "value") delete target[key];
      return;
    case 1:
    case 2:
      target[key] = someValue(next);
      return;
    case 3:
      target[key] = structuredClone(partOf(parse(other()) ?? null, next));
      return;
    case 4:
      if (typeof old === "number") target[key] = old + next(5) - 2;
      else if (typeof old === "string") target[key] = changeText(old, next);
      else target[key] = [old];
      return;
    case 5:
      if (Array.isArray(old)) {
        const count = next(20) === 0 ? 300 : 1 + next(4);
        const item = old[next(old.length + 1)] ?? someValue(next);
        for (let i = 0; i < count; i++) old.push(structuredClone(item));
      } else if (old !== null && typeof old === "object") {
        setOwn(
          old,
          String(VALUES[next(VALUES.length)]),
          someValue(next),
        );
      } else target[key] = someValue(next);
      return;
    case 6: {
      // Inserts a member of another message with its name.
      const from = parse(other());
      if (from === null || typeof from !== "object" || Array.isArray(from)) {
        return;
      }
      const names = Object.keys(from!);
      const name = names[next(Math.max(1, names.length))];
      if (name === undefined) return;
      const into =
        old !== null && typeof old === "object" && !Array.isArray(old)
          ? old
          : target;
      if (!Array.isArray(into)) {
        setOwn(into, name, structuredClone(from![name]!));
      }
      return;
    }
    default:
      target[key] = someValue(next);
  }
}

/** Returns a copy of one of the predefined values. */
function someValue(next: Random): Json {
  return structuredClone(VALUES[next(VALUES.length)]!);
}

/** Defines an own property like JSON.parse(), also for the name "__proto__". */
function setOwn(object: object, name: string, value: Json): void {
  Object.defineProperty(object, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

function changeText(text: string, next: Random): string {
  const at = next(text.length + 1);
  const digits = "0123456789abcdefgx:./-% ";
  switch (next(4)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + digits[next(digits.length)] +
        text.slice(at + 1);
    case 2:
      return text.slice(0, at) + digits[next(digits.length)] + text.slice(at);
    default:
      return text + text;
  }
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the container and the key of every value below `root`. */
function placesOf(root: object): [object, string | number][] {
  const places: [object, string | number][] = [];
  const visit = (holder: object) => {
    const keys = Array.isArray(holder)
      // The first 16 items represent a long list.
      ? holder.slice(0, 16).map((_, i) => i)
      : Object.keys(holder);
    for (const key of keys) {
      places.push([holder, key]);
      const value = (holder as Record<string | number, Json>)[key];
      if (value !== null && typeof value === "object") visit(value);
    }
  };
  visit(root);
  return places;
}

function partOf(value: Json, next: Random): Json {
  const places = placesOf({ value });
  const [holder, key] = places[next(places.length)]!;
  return (holder as Record<string | number, Json>)[key]!;
}
