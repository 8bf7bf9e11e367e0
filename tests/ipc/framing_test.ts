import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { IpoibError } from "../../src/base/errors.ts";
import { encodeLine, LineSplitter, writeAll } from "../../src/ipc/framing.ts";

const encoder = new TextEncoder();

function split(limit: number, ...chunks: string[]): string[] {
  const splitter = new LineSplitter(limit);
  return chunks.flatMap((chunk) => [...splitter.push(encoder.encode(chunk))]);
}

Deno.test("LineSplitter.push() yields lines across chunks", () => {
  assertEquals(split(10, "a\nb", "c\n\nd", "e", "\n", "rest"), [
    "a",
    "bc",
    "de",
  ]);
});

Deno.test("LineSplitter.push() drops carriage returns and blank lines", () => {
  assertEquals(split(10, "a\r\n\r\n  \nb\r\n"), ["a", "b"]);
});

Deno.test("LineSplitter.push() accepts a line of exactly the limit", () => {
  assertEquals(split(4, "abcd\n", "ab", "cd\n"), ["abcd", "abcd"]);
});

Deno.test("LineSplitter.push() yields the lines before a line over the limit, then throws", () => {
  const splitter = new LineSplitter(4);
  const lines: string[] = [];
  const error = assertThrows(() => {
    for (const line of splitter.push(encoder.encode("ok\nabcde\n"))) {
      lines.push(line);
    }
  }, IpoibError);
  assertEquals(error.code, "E_IPC_TOO_LARGE");
  assertEquals(lines, ["ok"]);
});

Deno.test("LineSplitter.push() throws as soon as an incomplete line exceeds the limit", () => {
  const splitter = new LineSplitter(1000);
  let pushed = 0;
  assertThrows(
    () => {
      for (;;) {
        pushed += 100;
        [...splitter.push(new Uint8Array(100).fill(0x61))];
      }
    },
    IpoibError,
    "1000 bytes",
  );
  assertEquals(pushed, 1100);
});

Deno.test("LineSplitter.push() yields the same lines for any division into chunks", () => {
  const line = fc.string({ unit: "grapheme" }).map((text) =>
    text.replace(/\s/g, "_")
  ).filter((text) => text !== "");
  fc.assert(
    fc.property(
      fc.array(line),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      (lines, cuts) => {
        const bytes = encoder.encode(lines.map((text) => `${text}\n`).join(""));
        const splitter = new LineSplitter(1 << 16);
        const found: string[] = [];
        let turn = 0;
        for (let at = 0; at < bytes.length;) {
          const end = at + cuts[turn++ % cuts.length]!;
          found.push(...splitter.push(bytes.subarray(at, end)));
          at = end;
        }
        assertEquals(found, lines);
      },
    ),
  );
});

Deno.test("LineSplitter decodes the lines of encodeLine() for any JSON value", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const [line] = new LineSplitter(1 << 20).push(encodeLine(value));
    assertEquals(JSON.parse(line!), JSON.parse(JSON.stringify(value)));
  }));
});

Deno.test("writeAll() continues after a short write", async () => {
  const written: number[] = [];
  const writer = {
    write(bytes: Uint8Array) {
      written.push(...bytes.subarray(0, 3));
      return Promise.resolve(Math.min(3, bytes.length));
    },
  };
  await writeAll(writer, Uint8Array.of(1, 2, 3, 4, 5, 6, 7));
  assertEquals(written, [1, 2, 3, 4, 5, 6, 7]);
});
