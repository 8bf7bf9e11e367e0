import { assertEquals } from "@std/assert";
import {
  textViolations,
  withoutComments,
} from "../../../scripts/check_layers/text.ts";

Deno.test("withoutComments() blanks comments and preserves strings and lines", () => {
  const source = [
    'const a = "// not a comment"; // one',
    "/* two",
    " lines */ const b = `/* kept */`;",
  ].join("\n");
  const lines = withoutComments(source).split("\n").map((line) =>
    line.trimEnd()
  );
  assertEquals(lines, [
    'const a = "// not a comment";',
    "",
    "          const b = `/* kept */`;",
  ]);
});

Deno.test("textViolations() allows Deno.dlopen in ffi only", () => {
  const source = "\nconst c = Deno.dlopen(path, {});";
  assertEquals(textViolations("ffi/libc.ts", source), []);
  assertEquals(textViolations("src/system/a.ts", source), [
    "src/system/a.ts:2: only ffi/ may open libraries",
  ]);
  assertEquals(textViolations("src/system/a.ts", `//${source.trim()}`), []);
});

Deno.test("textViolations() refuses Deno in the pure modules", () => {
  const source = "const n = Deno.pid;";
  for (const module of ["wire", "subnet", "sa", "cm"]) {
    assertEquals(textViolations(`src/${module}/a.ts`, source), [
      `src/${module}/a.ts:1: ${module} is pure and may not use Deno`,
    ]);
  }
  assertEquals(textViolations("src/netdev/a.ts", source), []);
  assertEquals(textViolations("src/wire/a.ts", "// Deno.pid"), []);
});

Deno.test("textViolations() refuses methods that the runtime of a compiled program may lack", () => {
  assertEquals(textViolations("src/netdev/a.ts", "Uint8Array.fromHex(a);"), [
    "src/netdev/a.ts:1: Deno 2.4 lacks the hexadecimal methods of Uint8Array",
  ]);
  assertEquals(textViolations("src/netdev/a.ts", "a.toString(16);"), []);
});
