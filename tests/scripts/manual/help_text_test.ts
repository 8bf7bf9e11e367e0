import { assertEquals } from "@std/assert";
import { blocksOf } from "../../../scripts/manual/help_text.ts";

Deno.test("paragraphs of a help text are separated by an empty line", () => {
  assertEquals(blocksOf("\none\ntwo\n\nthree\n"), [
    { kind: "paragraph", text: "one two" },
    { kind: "paragraph", text: "three" },
  ]);
});

Deno.test("indented lines are terms, and deeper ones continue their descriptions", () => {
  const text = `\
Actions:
  show             print the rules
  set [port P] R   apply R to packets
                   of P
  /run/ipoib/
      The directory.
`;
  assertEquals(blocksOf(text), [
    { kind: "paragraph", text: "Actions:" },
    {
      kind: "terms",
      terms: [
        { term: "show", text: "print the rules" },
        { term: "set [port P] R", text: "apply R to packets of P" },
        { term: "/run/ipoib/", text: "The directory." },
      ],
    },
  ]);
});

Deno.test("indented lines that begin with a prompt are an example, which keeps its layout", () => {
  assertEquals(blocksOf("Try it:\n  # ip addr\n    inet\n"), [
    { kind: "paragraph", text: "Try it:" },
    { kind: "example", lines: ["# ip addr", "  inet"] },
  ]);
});
