import { assertEquals, assertStringIncludes } from "@std/assert";
import { renderSubnetDot } from "../../src/cli/render/subnet_dot.ts";
import * as records from "../ipc/records.ts";
import { CliFixture } from "./support.ts";

Deno.test("renderSubnetDot() prints nodes for the switch, the ports and the partitions", () => {
  const [first, second] = records.subnet.ports;
  assertEquals(
    renderSubnetDot({
      ...records.subnet,
      ports: [
        { ...first!, netns: "h1" },
        { ...second!, pkeys: [0x7fff], state: "down" },
      ],
    }),
    `\
graph subnet {
  graph [label="subnet prefix 0xfe80000000000000, MTU 2048, 100 Gb/sec", layout=neato, overlap=false, splines=true, fontname="sans-serif"];
  node [fontname="sans-serif", fontsize=10];
  edge [fontname="sans-serif", fontsize=8];
  switch [shape=doubleoctagon, label="switch\\nmanager ib0, LID 0x0001\\n0x0002c90300000001"];
  "0x0002c90300000001" [shape=box, label="h1/ib0\\nLID 0x0001\\n0x0002c90300000001"];
  switch -- "0x0002c90300000001" [len=2, label="0xffff\\n0x8001"];
  "0x0002c90300000002" [shape=box, label="ib1\\nLID 0x0002\\n0x0002c90300000002\\ndown", style="filled,dashed", fillcolor=gray85, fontcolor=gray35];
  switch -- "0x0002c90300000002" [len=2, label="0x7fff", style=dashed];
  "partition 0x7fff" [shape=ellipse, color=steelblue, label="Default\\n0xffff\\nIPoIB"];
  "partition 0x7fff" -- "0x0002c90300000001" [len=2, color=steelblue];
  "partition 0x7fff" -- "0x0002c90300000002" [len=2, color=steelblue, style=dashed];
}
`,
  );
});

Deno.test("renderSubnetDot() quotes interface names", () => {
  const [port] = records.subnet.ports;
  const text = renderSubnetDot({
    ...records.subnet,
    ports: [{ ...port!, name: 'a"];b\\' }],
  });
  assertStringIncludes(text, 'label="a\\"];b\\\\\\nLID');
});

Deno.test("ipoib subnet show --dot prints the graph, also with -j", async () => {
  await using cli = new CliFixture();
  await cli.subnet("lab");
  const expected = renderSubnetDot({
    ...records.subnet,
    manager: { ...records.subnet.manager, name: "lab" },
  });
  for (const line of ["subnet show --dot", "-j subnet show lab --dot"]) {
    assertEquals((await cli.run(line)).out, expected);
  }
});
