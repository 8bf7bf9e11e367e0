/** The picture of a subnet: well-formed, without overlapping labels, for any number of ports. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { renderSubnetSvg } from "../../src/cli/render/subnet_svg.ts";
import { textWidth } from "../../src/cli/render/svg.ts";
import type { PlacedPort, PlacedSubnet } from "../../src/cli/subnet_places.ts";
import * as records from "../ipc/records.ts";
import { CliFixture } from "./support.ts";

const [PORT] = records.subnet.ports;

function subnetOf(ports: PlacedPort[], partitions = 1): PlacedSubnet {
  return {
    ...records.subnet,
    ports,
    partitions: Array.from({ length: partitions }, (_, i) => ({
      ...records.subnet.partitions[0]!,
      name: `partition${i}`,
      pkey: 0x7fff - i,
    })),
  };
}

function manyPorts(count: number): PlacedPort[] {
  return Array.from({ length: count }, (_, i) => ({
    ...PORT!,
    name: `ib${i}`,
    netns: i % 3 === 0 ? "" : `host${i}`,
    lid: i + 1,
    guid: `0x${i.toString(16).padStart(16, "0")}`,
    state: i % 4 === 1 ? "down" : "active",
    pkeys: Array.from({ length: i % 20 }, (_, p) => 0xffff - p),
  }));
}

interface Box {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Returns the boxes of all texts of a picture. */
function textBoxes(svg: string): Box[] {
  const texts = svg.matchAll(/<text ([^>]*)>([^<]*)<\/text>/g);
  return [...texts].map(([, attributes = "", text = ""]) => {
    const value = (name: string) =>
      Number(new RegExp(` ?${name}="([^"]*)"`).exec(attributes)![1]);
    const size = value("font-size");
    const width = textWidth(text.replace(/&[a-z]+;/g, "x"), size);
    const left = attributes.includes("middle")
      ? value("x") - width / 2
      : value("x");
    const y = value("y");
    return { text, left, right: left + width, top: y - size, bottom: y + 2 };
  });
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom &&
    b.top < a.bottom;
}

/** Checks that no texts overlap, and that all are inside the picture. */
function checkTexts(svg: string): void {
  const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(svg)!;
  const boxes = textBoxes(svg);
  for (const [i, box] of boxes.entries()) {
    assert(box.left >= 0 && box.right <= Number(width), box.text);
    assert(box.top >= 0 && box.bottom <= Number(height), box.text);
    for (const other of boxes.slice(i + 1)) {
      assert(!overlap(box, other), `"${box.text}" overlaps "${other.text}"`);
    }
  }
}

/** Checks that elements are closed, and that no other characters are left. */
function checkElements(svg: string): void {
  const open: string[] = [];
  for (const [, close, name, attributes, empty] of svg.matchAll(TAG)) {
    if (close) assertEquals(open.pop(), name);
    else if (!empty) open.push(name!);
    assert(!/[<&](?!amp;|lt;|gt;|quot;)/.test(attributes!), attributes);
  }
  assertEquals(open, []);
  assert(!/[<>]/.test(svg.replace(TAG, "").replace(/^<\?xml[^>]*\?>/, "")));
}
const TAG = /<(\/?)([a-z]+)((?: [a-zA-Z-]+="[^"]*")*)(\/?)>/g;

Deno.test("labels do not overlap and are inside the picture, for 0 to 60 ports", () => {
  for (const count of [0, 1, 2, 3, 5, 9, 17, 60]) {
    const svg = renderSubnetSvg(subnetOf(manyPorts(count), 1 + count % 11));
    checkElements(svg);
    checkTexts(svg);
  }
});

Deno.test("long names are cut, and names cannot end an element", () => {
  const name = `a"b<c>&'\x01${"x".repeat(99)}`;
  const svg = renderSubnetSvg({
    ...subnetOf([{ ...PORT!, name, netns: "n".repeat(99) }]),
    manager: { ...records.subnet.manager, name },
  });
  checkElements(svg);
  checkTexts(svg);
  assert(!svg.includes("\x01"));
  assertStringIncludes(svg, "a&quot;b&lt;c&gt;&amp;'");
});

Deno.test("ports have their namespaces, P_Keys the colors of the legend, and a port that is down is shaded", () => {
  const svg = renderSubnetSvg(subnetOf([
    { ...PORT!, netns: "blue", pkeys: [0xffff, 0x7ffe] },
    { ...PORT!, name: "ib1", state: "down", pkeys: [0xffff] },
  ], 2));
  assertStringIncludes(svg, ">blue/ib0</text>");
  assertStringIncludes(svg, "LID 0x0001, down</text>");
  // Two chips of full membership, in the card and in the legend, and an outlined one.
  const fills = (color: string) =>
    svg.split(` rx="9" fill="${color}"`).length - 1;
  assertEquals([fills("#1f6fb2"), fills("#b3541e"), fills("#8a8a8a")], [
    2,
    1,
    1,
  ]);
  assertStringIncludes(svg, 'fill="#ffffff" stroke="#b3541e"');
  assertStringIncludes(svg, 'fill="#ececec"');
  assertStringIncludes(svg, "shaded and dashed: the port is not active");
  assert(!renderSubnetSvg(subnetOf([PORT!])).includes("shaded"));
});

Deno.test("more P_Keys than a card shows are counted", () => {
  const pkeys = Array.from({ length: 40 }, (_, i) => 0x8001 + i);
  const svg = renderSubnetSvg(subnetOf([{ ...PORT!, pkeys }]));
  assertStringIncludes(svg, ">+29</text>");
  checkTexts(svg);
});

Deno.test("subnet show names the namespaces of the interfaces that answer", async () => {
  await using cli = new CliFixture();
  cli.replyLimitMs = 200;
  const [first, second] = records.subnet.ports;
  await cli.subnet("lab", {
    "subnet.show": () => ({
      ...records.subnet,
      ports: [first!, { ...second!, state: "down" }, {
        ...second!,
        name: "ib2",
        guid: "0x0002c90300000003",
      }],
    }),
  });
  await cli.daemon("ib0", { netns: "blue" });
  const { out } = await cli.run("subnet show");
  assertStringIncludes(out, "PORT  NETNS  LID");
  assertStringIncludes(out, "\nib0   blue   0x0001");
  assertStringIncludes(out, "\nib1   ?      0x0002");
  const json = JSON.parse((await cli.run("-j subnet show")).out);
  assertEquals(json[0].ports[0].netns, "blue");
  // The socket of a process that does not answer has the namespace too.
  cli.silent("ib2");
  assertStringIncludes(
    (await cli.run("subnet show")).out,
    "\nib2   (initial)  0x0002",
  );
  const svg = await cli.run("subnet show --svg");
  assertStringIncludes(svg.out, ">blue/ib0</text>");
  assertEquals((await cli.run("subnet show --svg --dot")).code, 1);
});

Deno.test("with color, P_Keys and partitions have the same colors, and a port that is down is faint", async () => {
  await using cli = new CliFixture();
  await cli.subnet("lab", {
    "subnet.show": () => ({
      ...records.subnet,
      ports: records.subnet.ports.map((port, i) => ({
        ...port,
        state: i === 0 ? "active" : "down",
      })),
    }),
  });
  const { out } = await cli.run("-c=always subnet show");
  const colored = (text: string) => `\x1b[36m${text}\x1b[39m`;
  assertStringIncludes(out, `active  ${colored("0xffff")},0x8001\n`);
  assertStringIncludes(out, colored("Default"));
  assertStringIncludes(out, "\x1b[90mib1\x1b[39m");
  assert(!(await cli.run("subnet show")).out.includes("\x1b"));
});
