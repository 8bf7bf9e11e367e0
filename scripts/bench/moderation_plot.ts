/** Plot of the effects of moderation: an SVG with a panel for each quantity. */

/** Values of a quantity at each setting. */
export interface Panel {
  readonly title: string;
  /** Median, minimum and maximum of the repeats at each setting. */
  readonly points: readonly {
    readonly middle: number;
    readonly least: number;
    readonly most: number;
  }[];
}

const WIDTH = 250;
const HEIGHT = 220;
const LEFT = 52;
const RIGHT = 14;
const TOP = 34;
const BOTTOM = 40;
const INK = "#333";
const GRID = "#ddd";
const LINE = "#1f6fb2";

/** Draws the panels side by side. `settings` are the marks of the x axis, at equal distances. */
export function plot(
  settings: readonly (number | string)[],
  axis: string,
  panels: readonly Panel[],
): string {
  const width = WIDTH * panels.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" ` +
    `width="${width}" height="${HEIGHT}" font-family="sans-serif" font-size="11" fill="${INK}">`,
    `<rect width="${width}" height="${HEIGHT}" fill="#fff"/>`,
    ...panels.flatMap((panel, i) => draw(settings, axis, panel, i * WIDTH)),
    "</svg>\n",
  ].join("\n");
}

function draw(
  settings: readonly (number | string)[],
  axis: string,
  { title, points }: Panel,
  left: number,
): string[] {
  const top = ceiling(Math.max(...points.map(({ most }) => most)));
  const from = left + LEFT;
  const to = left + WIDTH - RIGHT;
  const floor = HEIGHT - BOTTOM;
  const step = (to - from) / settings.length;
  const x = (i: number) => round(from + step * (i + 0.5));
  const y = (value: number) => round(floor - (floor - TOP) * value / top);
  const lines = [0, 0.25, 0.5, 0.75, 1].flatMap((part) => [
    `<path d="M${from} ${y(part * top)}H${to}" stroke="${GRID}"/>`,
    text(from - 6, y(part * top) + 4, number(part * top), "end"),
  ]);
  const curve = points.map(({ middle }, i) =>
    `${i === 0 ? "M" : "L"}${x(i)} ${y(middle)}`
  );
  const marks = points.flatMap(({ middle, least, most }, i) => [
    `<path d="M${x(i)} ${y(least)}V${
      y(most)
    }" stroke="${LINE}" opacity="0.5"/>`,
    `<circle cx="${x(i)}" cy="${y(middle)}" r="3.5" fill="${LINE}"/>`,
    text(x(i), floor + 16, String(settings[i]), "middle"),
  ]);
  return [
    `<text x="${
      left + WIDTH / 2
    }" y="18" text-anchor="middle" font-weight="bold">${title}</text>`,
    ...lines,
    `<path d="${
      curve.join("")
    }" fill="none" stroke="${LINE}" stroke-width="2"/>`,
    ...marks,
    text((from + to) / 2, HEIGHT - 8, axis, "middle"),
  ];
}

function text(
  x: number,
  y: number,
  words: string,
  anchor: "middle" | "end",
): string {
  return `<text x="${round(x)}" y="${
    round(y)
  }" text-anchor="${anchor}">${words}</text>`;
}

/** Rounds up to 1, 2, 4, 5 or 8 times a power of ten. */
function ceiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 4, 5, 8, 10].find((n) => n * power >= value)!;
}

function number(value: number): string {
  if (value >= 1000) return `${round(value / 1000)}k`;
  return String(round(value));
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}
