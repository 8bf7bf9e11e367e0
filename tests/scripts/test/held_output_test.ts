import { assertEquals } from "@std/assert";
import { HeldOutput } from "../../../scripts/test/held_output.ts";

Deno.test("HeldOutput prints nothing before release(), and everything in order from then on", () => {
  const printed: string[] = [];
  const output = new HeldOutput((text) => void printed.push(text));
  output.say("a");
  output.say("b");
  assertEquals(printed, []);
  output.release();
  output.say("c");
  output.release();
  assertEquals(printed, ["ab", "c"]);
});
