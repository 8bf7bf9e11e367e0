import { assertEquals } from "@std/assert";
import { StatusLine } from "../../src/base/status_line.ts";

function status(columns: number | undefined) {
  let output = "";
  const line = new StatusLine({
    write: (text) => void (output += text),
    columns,
  });
  return {
    line,
    taken: () => {
      const taken = output;
      output = "";
      return taken;
    },
  };
}

Deno.test("StatusLine writes a line for each change to a pipe", () => {
  const { line, taken } = status(undefined);
  line.show("a", " (1 s)");
  line.show("a", " (2 s)");
  line.show("b");
  line.print("warning\n");
  line.clear();
  assertEquals(taken(), "a\nb\nwarning\n");
});

Deno.test("StatusLine redraws a line on a terminal, and prints other lines above it", () => {
  const { line, taken } = status(80);
  line.show("a", " (1 s)");
  assertEquals(taken(), "\r\x1b[Ka (1 s)");
  line.show("a", " (2 s)");
  assertEquals(taken(), "\r\x1b[Ka (2 s)");
  line.print("warning\n");
  assertEquals(taken(), "\r\x1b[Kwarning\na (2 s)");
  line.clear();
  line.clear();
  line.print("end\n");
  assertEquals(taken(), "\r\x1b[Kend\n");
});

Deno.test("StatusLine cuts a text that is longer than the terminal is wide, but not the suffix", () => {
  const { line, taken } = status(20);
  line.show("0123456789abcdefghij", " (7 s)");
  assertEquals(taken(), "\r\x1b[K0123456789... (7 s)");
});
