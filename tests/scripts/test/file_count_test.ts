import { assertEquals } from "@std/assert";
import { FileCount } from "../../../scripts/test/file_count.ts";

const OUTPUT = "running 2 tests from ./tests/a_test.ts\n" +
  "runs ... ok (1ms)\nfails ... FAILED (1ms)\n" +
  "\x1b[90mrunning 1 test from ./tests/b_test.ts\x1b[0m\nlast ... ok (2ms)\n";

Deno.test("FileCount numbers the files, wherever the output is cut", () => {
  for (let cut = 0; cut <= OUTPUT.length; cut++) {
    const count = new FileCount(2, () => 0);
    const text = count.take(OUTPUT.slice(0, cut)) +
      count.take(OUTPUT.slice(cut)) + count.end();
    assertEquals(
      text,
      OUTPUT.replace("running 2", "[1/2] running 2").replace(
        "\x1b[90mrunning 1",
        "[2/2] \x1b[90mrunning 1",
      ),
    );
  }
});

Deno.test("FileCount prints the number of failures, and no unknown total", () => {
  let failed = 0;
  const count = new FileCount(undefined, () => failed);
  assertEquals(
    count.take("running 1 test from a\n"),
    "[1] running 1 test from a\n",
  );
  failed = 3;
  assertEquals(
    count.take("running 1 test from b\n"),
    "[2, 3 failed] running 1 test from b\n",
  );
});

Deno.test("FileCount does not hold back the name of a running test", () => {
  const count = new FileCount(1, () => 0);
  assertEquals(count.take("a test ... "), "a test ... ");
  assertEquals(count.take("run"), "");
  assertEquals(count.take(" fast ... "), "run fast ... ");
  assertEquals(count.end(), "");
});
