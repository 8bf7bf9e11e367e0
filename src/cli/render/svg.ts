/** Elements of SVG as text. Coordinates and lengths are in pixels. */

/** Width of a character of the monospaced font, as a part of its size: that of DejaVu Sans Mono and Courier New. */
const CHARACTER_WIDTH = 0.602;

export interface TextOptions {
  readonly size: number;
  readonly color?: string;
  readonly bold?: boolean;
  /** True to center the text at `x`. Default: it begins there. */
  readonly centered?: boolean;
}

/** Attributes of an element. */
type Attributes = Readonly<Record<string, string | number>>;

/** Returns the width of a text. A character of another width is as wide as others at most in a monospaced font. */
export function textWidth(text: string, size: number): number {
  return [...text].length * size * CHARACTER_WIDTH;
}

/** Returns a text whose baseline is at `y`. */
export function svgText(
  text: string,
  x: number,
  y: number,
  { size, color = "#222222", bold = false, centered = false }: TextOptions,
): string {
  return element("text", {
    x: round(x),
    y: round(y),
    "font-size": size,
    fill: color,
    ...(bold ? { "font-weight": "bold" } : {}),
    ...(centered ? { "text-anchor": "middle" } : {}),
  }, escaped(text));
}

export function svgBox(
  box: { x: number; y: number; width: number; height: number },
  attributes: Attributes,
): string {
  const { x, y, width, height } = box;
  return element("rect", {
    ...{ x: round(x), y: round(y) },
    ...{ width: round(width), height: round(height) },
    ...attributes,
  });
}

/** Returns a line through points, each as x and y. */
export function svgLine(
  points: readonly (readonly [number, number])[],
  attributes: Attributes,
): string {
  const text = points.map(([x, y]) => `${round(x)},${round(y)}`).join(" ");
  return element("polyline", { points: text, fill: "none", ...attributes });
}

/** Returns a document with a white background. `title` is what readers of the screen hear. */
export function svgDocument(
  width: number,
  height: number,
  title: string,
  elements: readonly string[],
): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" font-family="'DejaVu Sans Mono', 'Courier New', monospace">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${w}" height="${h}" fill="#ffffff"/>`,
    ...elements,
    "</svg>\n",
  ].join("\n");
}

/** Cuts a text to a number of characters. */
export function cut(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length
    ? text
    : `${characters.slice(0, length - 1).join("")}…`;
}

function element(name: string, attributes: Attributes, content = ""): string {
  const text = Object.entries(attributes).map(([key, value]) =>
    ` ${key}="${escaped(String(value))}"`
  ).join("");
  return content === ""
    ? `<${name}${text}/>`
    : `<${name}${text}>${content}</${name}>`;
}

/** Escapes a text, without characters that XML does not allow. */
function escaped(text: string): string {
  return text
    // deno-lint-ignore no-control-regex -- XML 1.0 section 2.2
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
