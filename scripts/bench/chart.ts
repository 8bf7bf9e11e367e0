/** Charts of measured curves as SVG, drawn by Vega-Lite. */

import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/** Median, minimum and maximum of the repeats at one setting. */
export interface Point {
  readonly middle: number;
  readonly least: number;
  readonly most: number;
}

/** A curve: one point for each setting, or undefined where there is no result. */
export interface Curve {
  /** Name of the subject. */
  readonly name: string;
  readonly points: readonly (Point | undefined)[];
}

/** A chart of one quantity, which starts at 0. */
export interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
}

const WIDTH = 220;
const HEIGHT = 190;

/**
 * Draws the panels side by side under a caption. `settings` are the values of the x axis, at equal distances; `axis` is
 * its title. The legend names the curves if there are several.
 */
export function chart(
  axis: string,
  settings: readonly (number | string)[],
  panels: readonly Panel[],
  caption: string,
): Promise<string> {
  const names = [
    ...new Set(panels.flatMap(({ curves }) => curves.map(({ name }) => name))),
  ];
  const legend = { title: null, orient: "bottom" } as const;
  const spec: TopLevelSpec = {
    title: { text: caption, anchor: "start", fontWeight: "normal" },
    background: "white",
    hconcat: panels.map((panel) => ({
      title: panel.title,
      width: WIDTH,
      height: HEIGHT,
      data: { values: rowsOf(settings, panel) },
      encoding: {
        x: {
          field: "setting",
          type: "ordinal",
          scale: { domain: [...settings] },
          axis: { title: axis, labelAngle: 0 },
        },
        color: {
          field: "name",
          type: "nominal",
          scale: { domain: names },
          legend: names.length > 1 ? legend : null,
        },
      },
      layer: [
        {
          mark: { type: "rule", opacity: 0.5 },
          encoding: { y: quantity("least"), y2: { field: "most" } },
        },
        {
          mark: { type: "line", point: true },
          encoding: { y: quantity("middle") },
        },
      ],
    })),
  };
  return new View(parse(compile(spec).spec), { renderer: "none" }).toSVG();
}

function quantity(field: keyof Point) {
  const axis = { title: null, format: "~s" };
  return { field, type: "quantitative", scale: { zero: true }, axis } as const;
}

function rowsOf(settings: readonly (number | string)[], { curves }: Panel) {
  return curves.flatMap(({ name, points }) =>
    points.flatMap((point, i) =>
      point ? [{ name, setting: settings[i]!, ...point }] : []
    )
  );
}
