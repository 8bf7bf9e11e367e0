import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Measurement } from "../../../scripts/bench/measurement.ts";
import { MEASUREMENTS } from "../../../scripts/bench/measurements/all.ts";
import { optionsOf, usage } from "../../../scripts/bench/options.ts";

const all: Measurement[] = ["rtt", "tcp", "udp"].map((name) => ({
  name,
  ends: 2,
  quantities: [],
  measure: () => Promise.resolve([]),
}));

Deno.test("optionsOf() measures everything five times unless told", () => {
  assertEquals(optionsOf([], all), {
    repeats: 5,
    seconds: 5,
    measurements: all,
  });
});

Deno.test("optionsOf() takes --only several times, in the bench's order", () => {
  const words = ["--only", "udp", "--only=rtt", "--json", "out.json"];
  const options = optionsOf([...words, "--repeats", "2"], all);
  assertEquals(options?.measurements.map(({ name }) => name), ["rtt", "udp"]);
  assertEquals(options?.json, "out.json");
  assertEquals(options?.repeats, 2);
});

Deno.test("optionsOf() refuses what it does not know", () => {
  for (
    const words of [
      ["--only", "tpc"],
      ["--repeats", "0"],
      ["--seconds", "0.5"],
      ["--seconds", "x"],
      ["--what"],
      ["tcp"],
    ]
  ) assertEquals([words, optionsOf(words, all)], [words, undefined]);
});

Deno.test("usage() names every measurement", () => {
  assertStringIncludes(usage(all), "--only rtt|tcp|udp");
});

Deno.test("Measurements have names of their own, and so have their quantities", () => {
  const names = MEASUREMENTS.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  const quantities = MEASUREMENTS.flatMap((each) => each.quantities)
    .map(({ name }) => name);
  assertEquals(new Set(quantities).size, quantities.length);
});
