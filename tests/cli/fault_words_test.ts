import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { IpoibError } from "../../src/base/errors.ts";
import { parseFault, takeSubnetName } from "../../src/cli/fault_words.ts";
import { ruleWords } from "../../src/ipc/schema.ts";

const words = (line: string) => line.split(" ").filter((word) => word !== "");
const parse = (line: string) => parseFault(words(line));

Deno.test("parseFault() parses every effect of a rule", () => {
  assertEquals(
    parse(
      "set port ib0 drop 20% delay 10ms jitter 2.5ms duplicate 1 reorder 0.5% rate 1gbit seed 0x7",
    ),
    {
      verb: "set",
      port: "ib0",
      effects: {
        seed: 7,
        drop: 20,
        delay: 10,
        jitter: 2.5,
        duplicate: 1,
        reorder: 0.5,
        rate: 1000,
      },
    },
  );
  assertEquals(parse("set seed 3 drop 0"), {
    verb: "set",
    effects: { seed: 3, drop: 0 },
  });
  // The default seed is 1.
  assertEquals(parse("set drop 1"), parse("set seed 1 drop 1"));
});

Deno.test("parseFault() parses units of times and rates", () => {
  const effects = (line: string) => {
    const command = parse(`set ${line}`);
    assert(command.verb === "set");
    const { seed: _, ...rest } = command.effects;
    return rest;
  };
  assertEquals(effects("delay 500us"), { delay: 0.5 });
  assertEquals(effects("delay 1.5s"), { delay: 1500 });
  assertEquals(effects("delay 60s"), { delay: 60_000 });
  assertEquals(effects("rate 100Mbit"), { rate: 100 });
  assertEquals(effects("rate 500kbit"), { rate: 0.5 });
});

Deno.test("parseFault() parses port operations and the other verbs", () => {
  const operation = (line: string) => {
    const command = parse(`port ib0 ${line}`);
    assert(command.verb === "port");
    assertEquals(command.port, "ib0");
    return command.operation;
  };
  assertEquals(operation("down"), { action: "down" });
  assertEquals(operation("up"), { action: "up" });
  assertEquals(operation("reregister"), { action: "reregister" });
  assertEquals(operation("lid"), { action: "lid" });
  assertEquals(operation("pkeys"), { action: "pkeys" });
  assertEquals(operation("lid 0x10"), { action: "lid", lid: 16 });
  assertEquals(operation("pkeys 0xffff,0x8001,1"), {
    action: "pkeys",
    pkeys: [0xffff, 0x8001, 1],
  });
  assertEquals(parse(""), { verb: "show" });
  assertEquals(parse("show"), { verb: "show" });
  assertEquals(parse("clear"), { verb: "clear" });
  assertEquals(parse("clear port 3"), { verb: "clear", port: "3" });
  assertEquals(parse("kill-manager"), { verb: "kill-manager" });
});

Deno.test("parseFault() refuses invalid arguments with a specific message", () => {
  const cases: [string, string][] = [
    ["set", "No effect given"],
    ["set seed 1 port 3", "No effect given"],
    ["set drop", 'Argument "drop" requires a value'],
    ["set drop 100.5", 'Invalid value in "drop 100.5"'],
    ["set drop -1", 'Invalid value in "drop -1"'],
    ["set drop x", 'Invalid value in "drop x"'],
    ["set drop 1 drop 2", 'Duplicate argument "drop"'],
    ["set delay 61s", 'Invalid value in "delay 61s"'],
    ["set delay 10", 'Invalid value in "delay 10"'],
    ["set delay 10ms jitter 2", 'Invalid value in "jitter 2"'],
    ["set rate 100", 'Invalid value in "rate 100"'],
    ["set delay 1h", 'Invalid value in "delay 1h"'],
    ["set jitter 1ms", "Jitter requires a delay"],
    ["set rate 0", 'Invalid value in "rate 0"'],
    ["set seed 4294967296 drop 1", 'Invalid value in "seed 4294967296"'],
    ["set loss 1", 'Unknown argument "loss"'],
    ["show me", 'Unexpected argument "me"'],
    ["clear ib0", 'Unexpected argument "ib0"'],
    ["clear port", 'Argument "port" requires a value'],
    ["clear port 1 2", 'Unexpected argument "2"'],
    ["port", 'Argument "port" requires a value'],
    ["port ib0", "No action given for the port"],
    ["port ib0 sideways", 'Unknown argument "sideways"'],
    ["port ib0 down 1", 'Unexpected argument "1"'],
    ["port ib0 lid 0xc000", '"0xc000" is not a unicast LID'],
    ["port ib0 lid 1 2", 'Unexpected argument "2"'],
    ["port ib0 pkeys ,", '"," is not a P_Key table'],
    ["port ib0 pkeys 0x10000", '"0x10000" is not a P_Key table'],
    ["port ib0 pkeys 1,", '"1," is not a P_Key table'],
    ["toString", 'Unknown argument "toString"'],
    ["set toString 1", 'Unknown argument "toString"'],
  ];
  for (const [line, message] of cases) {
    const error = assertThrows(() => parse(line), IpoibError);
    assertEquals([error.code, error.message], ["E_USAGE", message], line);
  }
});

Deno.test("takeSubnetName() splits off a leading name that is not a verb", () => {
  assertEquals(takeSubnetName(words("lab set drop 1")), {
    name: "lab",
    rest: words("set drop 1"),
  });
  assertEquals(takeSubnetName(words("set drop 1")), {
    rest: words("set drop 1"),
  });
  assertEquals(takeSubnetName([]), { rest: [] });
  for (const line of ["lab", "../x show"]) {
    assertThrows(() => takeSubnetName(words(line)), IpoibError);
  }
});

Deno.test("parseFault() parses the output of ruleWords() to the same rule", () => {
  const effects = fc.record({
    seed: fc.integer({ min: 0, max: 0xffffffff }),
    drop: fc.integer({ min: 0, max: 100 }),
    delay: fc.integer({ min: 0, max: 60_000 }),
    jitter: fc.integer({ min: 0, max: 60_000 }),
    duplicate: fc.integer({ min: 0, max: 1000 }).map((n) => n / 10),
    reorder: fc.integer({ min: 0, max: 100 }),
    rate: fc.integer({ min: 1, max: 1_000_000 }),
  }, { requiredKeys: ["seed", "drop", "delay"] });
  fc.assert(fc.property(effects, (rule) => {
    assertEquals(parse(`set ${ruleWords(rule)}`), {
      verb: "set",
      effects: rule,
    });
  }));
});

Deno.test("parseFault() throws only IpoibErrors", () => {
  const word = fc.oneof(
    fc.constantFrom(
      ...words("set clear show port drop delay jitter seed rate 1 10% ib0 lid"),
      ...words("down pkeys 0xffff kill-manager __proto__ constructor"),
    ),
    fc.string(),
  );
  fc.assert(fc.property(fc.array(word, { maxLength: 8 }), (words) => {
    try {
      parseFault(words);
    } catch (error) {
      assert(error instanceof IpoibError);
      assertEquals(error.code, "E_USAGE");
    }
  }));
});
