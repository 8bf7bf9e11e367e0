import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { readTextFile } from "../../src/system/read_files.ts";
import {
  dropUnusedText,
  unchangedMappings,
} from "../../src/system/unused_text.ts";

/** Returns the resident memory of this process that belongs to files, in bytes. */
function fileBytes(): number {
  const status = readTextFile("/proc/self/status", 1 << 16)!;
  return Number(/^RssFile:\s+(\d+) kB/m.exec(status)![1]) * 1024;
}

Deno.test("unchangedMappings() omits mappings that are written, changed, shared, or not of a file", () => {
  const entry = (line: string, anonymous: number, swap = "Swap:    0 kB\n") =>
    `${line}\nSize: 8 kB\nRss:  8 kB\nAnonymous:    ${anonymous} kB\n${swap}SwapPss: 0 kB\nVmFlags: rd mr\n`;
  const smaps = [
    entry("1000-3000 r--p 00000000 08:01 42    /usr/bin/ipoib", 0),
    entry("3000-5000 r-xp 00002000 08:01 42    /usr/bin/ipoib", 0),
    entry("5000-7000 r--p 00004000 08:01 42    /usr/bin/ipoib", 8),
    entry("7000-9000 rw-p 00006000 08:01 42    /usr/bin/ipoib", 0),
    entry("9000-b000 r-xp 00000000 00:00 0     [vdso]", 0),
    entry("b000-d000 r--s 00000000 00:01 7     /memfd:slots (deleted)", 0),
    // Changed pages that are swapped out are not counted as anonymous.
    entry("d000-f000 r--p 00010000 08:01 43 /lib/libm.so.6", 0, "Swap: 4 kB\n"),
    // Without the line nothing is known about swapped pages.
    entry("f000-11000 r--p 00010000 08:01 43 /lib/libm.so.6", 0, ""),
    entry("7f00deadb000-7f00deadd000 r-xp 0 08:01 43 /lib/libc.so.6", 0),
  ].join("");
  assertEquals(unchangedMappings(smaps), [
    { start: 0x1000n, end: 0x3000n },
    { start: 0x3000n, end: 0x5000n },
    { start: 0x7f00deadb000n, end: 0x7f00deadd000n },
  ]);
});

Deno.test("dropUnusedText() drops most of the runtime's text, and the program goes on", () => {
  const before = fileBytes();
  dropUnusedText();
  const after = fileBytes();
  assertLess(after, before / 2);
  // Regular expressions, the garbage collector and the compiler use other parts of the text.
  assertEquals(/^(\w+)-\1$/.exec("text-text")?.[1], "text");
  assertEquals(structuredClone({ a: [1n, "b"] }), { a: [1n, "b"] });
  assertGreater(fileBytes(), 0);
});
