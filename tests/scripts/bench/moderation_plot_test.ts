import { assert, assertEquals } from "@std/assert";
import { plot } from "../../../scripts/bench/moderation_plot.ts";

const points = [10, 400, 37].map((middle) => ({
  middle,
  least: middle - 5,
  most: middle + 5,
}));

Deno.test("plot() draws a panel per quantity with all marks inside the image", () => {
  const svg = plot([0, 16, 64], "rx-usecs", [
    { title: "first", points },
    { title: "second", points: points.toReversed() },
  ]);
  assertEquals(svg.match(/<circle /g)!.length, 6);
  assertEquals(svg.match(/>rx-usecs</g)!.length, 2);
  assert(svg.includes(">first<") && svg.includes(">second<"));
  for (const tag of ["svg", "text"]) {
    const opened = svg.match(new RegExp(`<${tag}[ >]`, "g"))!.length;
    assertEquals(svg.match(new RegExp(`</${tag}>`, "g"))!.length, opened, tag);
  }
  const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number);
  for (const [, x, y] of svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)) {
    assert(Number(x) > 0 && Number(x) < width!);
    assert(Number(y) > 0 && Number(y) < height!);
  }
  assert(!/NaN|undefined|Infinity/.test(svg));
});

Deno.test("plot() accepts a quantity that is always zero", () => {
  const zero = { middle: 0, least: 0, most: 0 };
  const svg = plot([0, 1], "n", [{ title: "nothing", points: [zero, zero] }]);
  assert(!/NaN|undefined|Infinity/.test(svg));
});
