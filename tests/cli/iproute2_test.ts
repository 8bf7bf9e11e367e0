/** Compares the abbreviations with those of `ip`. */

import { assert, assertEquals } from "@std/assert";
import { isInstalled } from "../../scripts/test/packages.ts";
import { commandOfIp } from "../../src/cli/iproute2.ts";
import { testWhere } from "../test_where.ts";

/** Objects of both programs by their names in `ip`, and commands in words of `ip`. */
const COMMANDS: Record<string, readonly string[]> = {
  link: ["add", "set", "change", "delete", "show", "lst", "list", "help"],
  address: ["list", "show", "lst", "help"],
  neighbour: [
    ...["add", "change", "replace", "delete", "show", "lst", "list"],
    ...["flush", "help"],
  ],
  maddress: ["list", "show", "lst", "help"],
};
const OBJECTS = ["address", "maddress", "neighbor", "neighbour", "link"];

const missing = isInstalled("ip") ? undefined : "needs ip";

/** Runs `ip`. Returns its exit code and its complaint, in which `word` is replaced. */
async function ip(...words: string[]): Promise<string> {
  const { code, stderr } = await new Deno.Command("ip", {
    args: words,
    stdin: "null",
  }).output();
  return `${code} ${new TextDecoder().decode(stderr)}`;
}

function prefixes(words: readonly string[]): string[] {
  const all = words.flatMap((word) =>
    [...word].map((_, i) => word.slice(0, i + 1))
  );
  return [...new Set(all)];
}

testWhere(
  missing,
  "every prefix of an object means the same object as in ip",
  async () => {
    for (const prefix of prefixes(OBJECTS)) {
      const object = commandOfIp(prefix);
      assert(object !== undefined, prefix);
      assertEquals(
        await ip(prefix, "help"),
        await ip(object, "help"),
        `${prefix} is ${object}`,
      );
    }
  },
);

testWhere(
  missing,
  "every prefix of a command means the same command as in ip",
  async () => {
    for (const [object, words] of Object.entries(COMMANDS)) {
      const own = commandOfIp(object);
      for (const prefix of prefixes(words)) {
        const command = commandOfIp(prefix, own);
        assert(command !== undefined, prefix);
        assertEquals(
          await ip(object, prefix),
          await ip(object, command),
          `${object} ${prefix} is ${command}`,
        );
      }
    }
  },
);

Deno.test("words that ip does not have, and empty words, stand for nothing", () => {
  for (const word of ["", "create", "linkk", "x"]) {
    assertEquals(commandOfIp(word), undefined);
    assertEquals(commandOfIp(word, "maddr"), undefined);
  }
  assertEquals(commandOfIp("show", "child"), undefined);
});
