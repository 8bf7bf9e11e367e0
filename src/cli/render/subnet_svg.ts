/**
 * Output of `subnet show --svg`: a picture of the subnet that needs no Graphviz.
 *
 * The switch is a bar at the top, the ports are cards in rows below it. The cards of the first row hang from the switch;
 * a trunk on the left leads to a rail above each other row. A card shows the P_Keys of its port as chips in the colors
 * of the partitions, filled for full and outlined for limited members. The legend is at the bottom.
 */

import { hex } from "../../base/hex.ts";
import { formatRate } from "../../base/rates.ts";
import { formatPkey } from "../../base/units.ts";
import {
  placedName,
  type PlacedPort,
  type PlacedSubnet,
} from "../subnet_places.ts";
import { FULL, isFull, partitionOf } from "./partition_colors.ts";
import {
  cut,
  svgBox,
  svgDocument,
  svgLine,
  svgText,
  textWidth,
} from "./svg.ts";

/** Colors of partitions, used cyclically; white text is readable on them. */
const COLORS = [
  ...["#1f6fb2", "#b3541e", "#2e7d4f", "#a83279", "#6a4fb3"] as const,
  ...["#7d6608", "#00737d", "#b3261e"] as const,
];
/** Color of a P_Key that belongs to no partition. */
const UNKNOWN_COLOR = "#777777";
const LINE_COLOR = "#444444";
const DOWN_COLOR = "#8a8a8a";
const DOWN_FILL = "#ececec";
const DASHES = "5 4";

const TITLE_SIZE = 14;
const SIZE = 12;
const CHIP_SIZE = 11;
const LINE_HEIGHT = 18;
const MARGIN = 28;
const PADDING = 12;
/** Space between cards, and between rows, where the rail is. */
const GAP = 24;
const ROW_GAP = 40;
const CHIP = { width: 54, height: 18, gap: 6 };
/** Characters of a name that a card shows, and those of a line of the legend. */
const MAX_NAME = 32;
const MAX_LEGEND = 72;
/** P_Keys that a card shows; the number of the others follows. */
const MAX_CHIPS = 12;

/** Size of all cards, and of the grid. */
interface Grid {
  readonly columns: number;
  readonly cardWidth: number;
  readonly chipsInRow: number;
  readonly width: number;
}

/** Returns the picture as an SVG document. */
export function renderSubnetSvg(subnet: PlacedSubnet): string {
  const grid = gridOf(subnet);
  const head = headLines(subnet);
  const headHeight = head.length * LINE_HEIGHT + 2 * PADDING;
  const rows = rowsOf(subnet.ports, grid.columns);
  const elements: string[] = [];
  let y = MARGIN + headHeight;
  let railsEnd: number | undefined;
  for (const [r, ports] of rows.entries()) {
    const rail = y + ROW_GAP / 2;
    y += ROW_GAP;
    const height = Math.max(...ports.map((port) => cardHeight(port, grid)));
    const from = r === 0 ? MARGIN + headHeight : rail;
    for (const [c, port] of ports.entries()) {
      const x = MARGIN + GAP + c * (grid.cardWidth + GAP);
      const middle = x + grid.cardWidth / 2;
      elements.push(
        link([[middle, from], [middle, y]], isActive(port)),
        ...card(subnet, port, x, y, height, grid),
      );
      if (r > 0 && c === ports.length - 1) {
        elements.push(link([[MARGIN + GAP / 2, rail], [middle, rail]], true));
      }
    }
    if (r > 0) railsEnd = rail;
    y += height;
  }
  if (railsEnd !== undefined) {
    const x = MARGIN + GAP / 2;
    elements.push(link([[x, MARGIN + headHeight], [x, railsEnd]], true));
  }
  const { elements: legend, height } = legendOf(subnet, MARGIN, y + GAP);
  return svgDocument(
    grid.width + 2 * MARGIN,
    y + GAP + height + MARGIN,
    `InfiniBand subnet with ${subnet.ports.length} ports`,
    [...elements, ...switchBar(head, grid, headHeight), ...legend],
  );
}

function headLines(
  { manager, subnetPrefix, mtu, rateCode }: PlacedSubnet,
): string[] {
  return [
    "switch",
    `subnet prefix ${subnetPrefix}, MTU ${mtu}, ${formatRate(rateCode)}`,
    cut(
      `subnet manager ${manager.name}, LID ${
        hex(manager.lid)
      }, ${manager.guid}`,
      MAX_LEGEND,
    ),
  ];
}

function gridOf(subnet: PlacedSubnet): Grid {
  const { ports } = subnet;
  // Somewhat wider than high, as a screen is.
  const columns = Math.max(1, Math.ceil(Math.sqrt(ports.length * 2)));
  const longest = Math.max(
    0,
    ...ports.flatMap((port) => [
      textWidth(nameOf(port), TITLE_SIZE),
      ...cardLines(port).map((line) => textWidth(line, SIZE)),
    ]),
  );
  const cardWidth = Math.ceil(longest) + 2 * PADDING;
  const inner = cardWidth - 2 * PADDING + CHIP.gap;
  const text = Math.max(
    ...headLines(subnet).map((line) => textWidth(line, TITLE_SIZE)),
    ...legendLines(subnet).map(({ text }) =>
      textWidth(text, SIZE) + CHIP.width + CHIP.gap
    ),
  );
  return {
    columns,
    cardWidth,
    chipsInRow: Math.max(1, Math.floor(inner / (CHIP.width + CHIP.gap))),
    width: Math.max(
      text + 2 * PADDING,
      GAP + columns * (cardWidth + GAP),
    ),
  };
}

function rowsOf(ports: readonly PlacedPort[], columns: number): PlacedPort[][] {
  const rows: PlacedPort[][] = [];
  for (let i = 0; i < ports.length; i += columns) {
    rows.push(ports.slice(i, i + columns));
  }
  return rows;
}

function nameOf(port: PlacedPort): string {
  return cut(placedName(port), MAX_NAME);
}

function cardLines(port: PlacedPort): string[] {
  return [
    `LID ${hex(port.lid)}, ${port.state}`,
    port.guid,
    `pid ${port.pid}`,
  ];
}

/** Returns the labels of the chips: P_Keys, and the number of those that are not shown. */
function chipsOf({ pkeys }: PlacedPort): { pkey?: number; text: string }[] {
  const shown = pkeys.length > MAX_CHIPS
    ? pkeys.slice(0, MAX_CHIPS - 1)
    : pkeys;
  const rest = pkeys.length - shown.length;
  return [
    ...shown.map((pkey) => ({ pkey, text: formatPkey(pkey) })),
    ...(rest > 0 ? [{ text: `+${rest}` }] : []),
  ];
}

function cardHeight(port: PlacedPort, { chipsInRow }: Grid): number {
  const rows = Math.ceil(chipsOf(port).length / chipsInRow);
  return 2 * PADDING + (1 + cardLines(port).length) * LINE_HEIGHT +
    rows * (CHIP.height + CHIP.gap);
}

function card(
  subnet: PlacedSubnet,
  port: PlacedPort,
  x: number,
  y: number,
  height: number,
  { cardWidth, chipsInRow }: Grid,
): string[] {
  const active = isActive(port);
  const color = active ? "#222222" : DOWN_COLOR;
  const left = x + PADDING;
  let baseline = y + PADDING + TITLE_SIZE - 2;
  const elements = [
    svgBox({ x, y, width: cardWidth, height }, {
      rx: 6,
      fill: active ? "#ffffff" : DOWN_FILL,
      stroke: active ? LINE_COLOR : DOWN_COLOR,
      ...(active ? {} : { "stroke-dasharray": DASHES }),
    }),
    svgText(nameOf(port), left, baseline, {
      ...{ size: TITLE_SIZE, color, bold: true },
    }),
  ];
  for (const line of cardLines(port)) {
    baseline += LINE_HEIGHT;
    elements.push(svgText(line, left, baseline, { size: SIZE, color }));
  }
  const top = baseline + CHIP.gap + 2;
  for (const [i, { pkey, text }] of chipsOf(port).entries()) {
    const at = {
      x: left + (i % chipsInRow) * (CHIP.width + CHIP.gap),
      y: top + Math.floor(i / chipsInRow) * (CHIP.height + CHIP.gap),
    };
    const paint = pkey === undefined ? UNKNOWN_COLOR : colorOf(subnet, pkey);
    const filled = pkey === undefined || isFull(pkey);
    elements.push(...chip(at, text, active ? paint : DOWN_COLOR, filled));
  }
  return elements;
}

function chip(
  { x, y }: { x: number; y: number },
  text: string,
  color: string,
  filled: boolean,
): string[] {
  const { width, height } = CHIP;
  return [
    svgBox({ x, y, width, height }, {
      rx: 9,
      fill: filled ? color : "#ffffff",
      stroke: color,
    }),
    svgText(text, x + width / 2, y + height - 5, {
      size: CHIP_SIZE,
      color: filled ? "#ffffff" : color,
      centered: true,
    }),
  ];
}

function switchBar(
  [title = "", ...lines]: readonly string[],
  { width }: Grid,
  height: number,
): string[] {
  const middle = MARGIN + width / 2;
  const first = MARGIN + PADDING + TITLE_SIZE - 1;
  return [
    svgBox({ x: MARGIN, y: MARGIN, width, height }, {
      rx: 8,
      fill: "#e8eef5",
      stroke: LINE_COLOR,
      "stroke-width": 2,
    }),
    svgText(title, middle, first, {
      ...{ size: TITLE_SIZE, bold: true, centered: true },
    }),
    ...lines.map((line, i) =>
      svgText(line, middle, first + (i + 1) * LINE_HEIGHT, {
        ...{ size: SIZE, centered: true },
      })
    ),
  ];
}

interface LegendLine {
  readonly chip?: { text: string; color: string; filled: boolean };
  readonly text: string;
}

function legendLines(subnet: PlacedSubnet): LegendLine[] {
  return [
    ...subnet.partitions.map(({ name, pkey, ipoib, members }) => ({
      chip: {
        ...{ text: formatPkey(pkey | FULL), filled: true },
        color: colorOf(subnet, pkey),
      },
      text: cut(
        `${name}${ipoib ? " (IPoIB)" : ""}: ${
          members.map(({ port, membership }) => `${port}=${membership}`)
            .join(", ")
        }`,
        MAX_LEGEND,
      ),
    })),
    {
      chip: { text: "0x....", color: LINE_COLOR, filled: false },
      text: "limited member: does not reach other limited members",
    },
    ...(subnet.ports.every(isActive)
      ? []
      : [{ text: "shaded and dashed: the port is not active" }]),
  ];
}

function legendOf(subnet: PlacedSubnet, x: number, y: number) {
  const lines = legendLines(subnet);
  const elements = lines.flatMap(({ chip: mark, text }, i) => {
    const top = y + i * (CHIP.height + CHIP.gap);
    return [
      ...(mark ? chip({ x, y: top }, mark.text, mark.color, mark.filled) : []),
      svgText(text, x + CHIP.width + 2 * CHIP.gap, top + CHIP.height - 5, {
        size: SIZE,
      }),
    ];
  });
  return { elements, height: lines.length * (CHIP.height + CHIP.gap) };
}

function link(
  points: readonly (readonly [number, number])[],
  active: boolean,
): string {
  return svgLine(points, {
    stroke: active ? LINE_COLOR : DOWN_COLOR,
    "stroke-width": 2,
    ...(active ? {} : { "stroke-dasharray": DASHES }),
  });
}

function colorOf(subnet: PlacedSubnet, pkey: number): string {
  const at = partitionOf(subnet, pkey);
  return at < 0 ? UNKNOWN_COLOR : COLORS[at % COLORS.length]!;
}

function isActive({ state }: PlacedPort): boolean {
  return state === "active";
}
