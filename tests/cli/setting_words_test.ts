import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { parseSetting } from "../../src/cli/setting_words.ts";

const PARAMETERS = ["debug_level", "send_queue_size"];

/** Parses words that are separated by spaces. Returns interface, setting and value. */
function parsed(line: string): (string | undefined)[] {
  const { name, setting, value } = parseSetting(line.split(" "), PARAMETERS);
  return [name, setting, value];
}

Deno.test("parseSetting() reads an interface, a setting and a value, each of which may be absent", () => {
  assertEquals(parseSetting([], PARAMETERS), {
    name: undefined,
    setting: undefined,
    value: undefined,
    dev: false,
  });
  assertEquals(parsed("ib0"), ["ib0", undefined, undefined]);
  assertEquals(parsed("debug_level"), [undefined, "debug_level", undefined]);
  assertEquals(parsed("debug_level 2"), [undefined, "debug_level", "2"]);
  assertEquals(parsed("ib0 bad_level"), ["ib0", "bad_level", undefined]);
  assertEquals(parsed("ib0 debug_level 0"), ["ib0", "debug_level", "0"]);
});

/** Asserts that `words` select the interface `name` in every form of the command. */
function assertNames(words: string, name: string): void {
  assertEquals(parsed(words), [name, undefined, undefined]);
  assertEquals(parsed(`${words} debug_level`), [
    name,
    "debug_level",
    undefined,
  ]);
  assertEquals(parsed(`${words} debug_level 1`), [name, "debug_level", "1"]);
}

Deno.test("parseSetting() reads every interface name, after dev also that of a setting", () => {
  for (const name of ["x_level", "foo_size", "y_qp"]) assertNames(name, name);
  for (const name of ["x_level", "dev", ...PARAMETERS]) {
    assertNames(`dev ${name}`, name);
  }
  assertEquals(parsed("dev"), ["dev", undefined, undefined]);
});

Deno.test("parseSetting() refuses excess words", () => {
  for (
    const line of [
      "debug_level 1 2",
      "ib0 debug_level 1 2",
      "dev ib0 debug_level 1 2",
    ]
  ) {
    const { code, message } = assertThrows(() => parsed(line), IpoibError);
    assertEquals([code, message], ["E_USAGE", 'Unexpected argument "2"']);
  }
});
