import { assertEquals, assertStringIncludes } from "@std/assert";
import { ENGINE_MEASUREMENTS } from "../../../scripts/bench/engine/all.ts";
import type { EngineMeasurement } from "../../../scripts/bench/engine/engine_measurement.ts";
import type { GuestMeasurement } from "../../../scripts/bench/guests/guest_measurement.ts";
import { GUEST_MEASUREMENTS } from "../../../scripts/bench/guests/all.ts";
import type { Measurement } from "../../../scripts/bench/measurement.ts";
import { MEASUREMENTS } from "../../../scripts/bench/measurements/all.ts";
import {
  type Choice,
  optionsOf,
  usage,
} from "../../../scripts/bench/options.ts";

const measurements: Measurement[] = ["rtt", "tcp", "udp"].map((name) => ({
  name,
  ends: 2,
  quantities: [],
  measure: () => Promise.resolve([]),
}));
const nothing = () => Promise.resolve();
const guestMeasurements: GuestMeasurement[] = [{
  name: "kernel",
  columns: [],
  packages: {},
  stages: [],
  start: nothing,
  stop: nothing,
}];
const engineMeasurements: EngineMeasurement[] = [{
  name: "tables",
  columns: [],
  program: "",
  arguments: () => Promise.resolve([]),
}];
const all: Choice = { measurements, engineMeasurements, guestMeasurements };

Deno.test("optionsOf() selects all measurements outside virtual machines and five repeats by default", () => {
  assertEquals(optionsOf([], all), {
    repeats: 5,
    seconds: 5,
    measurements,
    engineMeasurements,
    guestMeasurements: [],
  });
});

Deno.test("optionsOf() selects a measurement in virtual machines only by name", () => {
  const options = optionsOf(["--only", "kernel"], all);
  assertEquals([options?.measurements, options?.engineMeasurements], [[], []]);
  assertEquals(options?.guestMeasurements, guestMeasurements);
  const both = optionsOf(["--only", "kernel", "--only", "tcp"], all);
  assertEquals(both?.measurements.map(({ name }) => name), ["tcp"]);
  assertEquals(both?.guestMeasurements, guestMeasurements);
});

Deno.test("optionsOf() selects a measurement on request only by name", () => {
  const long = { ...measurements[0]!, name: "big", onRequest: true };
  const more = { ...all, measurements: [...measurements, long] };
  assertEquals(optionsOf([], more)?.measurements, measurements);
  const chosen = optionsOf(["--only", "big"], more)?.measurements;
  assertEquals(chosen?.map(({ name }) => name), ["big"]);
});

Deno.test("optionsOf() accepts several --only options and keeps the order of the bench", () => {
  const words = ["--only", "udp", "--only=rtt", "--json", "out.json"];
  const options = optionsOf([...words, "--repeats", "2"], all);
  assertEquals(options?.measurements.map(({ name }) => name), ["rtt", "udp"]);
  assertEquals(options?.json, "out.json");
  assertEquals(options?.repeats, 2);
});

Deno.test("optionsOf() accepts --beside with or without a trailing slash", () => {
  const tree = (path: string) => optionsOf(["--beside", path], all)?.beside;
  assertEquals([tree("../old"), tree("../old/")], ["../old/", "../old/"]);
  assertEquals(optionsOf([], all)?.beside, undefined);
});

Deno.test("optionsOf() refuses unknown names and options and invalid numbers", () => {
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

Deno.test("usage() lists every measurement", () => {
  assertStringIncludes(usage(all), "--only rtt|tcp|udp|tables|kernel");
});

Deno.test("The names of all measurements and quantities are unique", () => {
  const names = [
    ...MEASUREMENTS,
    ...ENGINE_MEASUREMENTS,
    ...GUEST_MEASUREMENTS,
  ].map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  const stages = GUEST_MEASUREMENTS.flatMap((each) => each.stages);
  const quantities = [...MEASUREMENTS, ...stages]
    .flatMap((each) => each.quantities)
    .map(({ name }) => name);
  assertEquals(new Set(quantities).size, quantities.length);
});
