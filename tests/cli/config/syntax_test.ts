import { assertEquals } from "@std/assert";
import { parseSyntax } from "../../../src/cli/config/syntax.ts";

Deno.test("parseSyntax() returns sections and entries with their positions", () => {
  const text = "\ufeff# comment\r\n[Interface]\r\n\tMTU = 1500\r\n" +
    "; comment\n\n  [ Child ]  \npkey=0x8001\nalias = a # b = c ";
  assertEquals(parseSyntax(text), {
    problems: [],
    sections: [
      {
        ...{ name: "interface", title: "Interface", line: 2, column: 1 },
        entries: [
          { key: "mtu", value: "1500", line: 3, column: 2, valueColumn: 8 },
        ],
      },
      {
        ...{ name: "child", title: "Child", line: 6, column: 3 },
        entries: [
          { key: "pkey", value: "0x8001", line: 7, column: 1, valueColumn: 6 },
          {
            key: "alias",
            value: "a # b = c",
            line: 8,
            column: 1,
            valueColumn: 9,
          },
        ],
      },
    ],
  });
});

Deno.test("parseSyntax() reports each invalid line with line and column, and parses the others", () => {
  const text = "mtu = 1\n[Interface\n[Interface]\n  words\n= 5\n" +
    "mtu =\nmode = data\0gram\nmtu = 2";
  const { sections, problems } = parseSyntax(text);
  assertEquals(
    problems.map(({ line, column, message }) => [line, column, message]),
    [
      [1, 1, 'Key "mtu" is in no section'],
      [2, 1, 'Invalid section "[Interface"'],
      [4, 3, 'Invalid line "words"'],
      [5, 1, 'Invalid line "= 5"'],
      [6, 6, 'Key "mtu" has no value'],
      [7, 12, "A control character is not allowed"],
    ],
  );
  assertEquals(sections.map(({ entries }) => entries.length), [1]);
});

Deno.test("parseSyntax() refuses a file over a million characters", () => {
  const { sections, problems } = parseSyntax("#".repeat(2 ** 20 + 1));
  assertEquals([sections.length, problems.length], [0, 1]);
});
