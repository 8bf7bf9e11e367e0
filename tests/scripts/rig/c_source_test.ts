import { assertEquals, assertThrows } from "@std/assert";
import { CSource } from "../../../scripts/rig/c_source.ts";

const TEXT = `/* A driver. */
#define LIMIT	(80)

enum limits {
	LENGTH		= 1024,
	WIDTH		= 1,
};

struct port {
	int lid;
};

static int twice(int value);

/**
 * twice - doubles a value
 */
static int twice(int value)
{
	return 2 * value;
}

int
sum(struct port *port, int a,
    int b)
{
	int result = a;

	if (a) {
		result += twice(b);
	}
	return result;
}

static const struct ops ops = {
	.sum = sum,
};

void last(void)
{
	twice(1);
	twice(2);
}
`;

function edited(change: (source: CSource) => void): string {
  const source = new CSource("driver.c", TEXT);
  change(source);
  return source.text;
}

function refuses(change: (source: CSource) => void, words: string): void {
  assertThrows(() => edited(change), Error, `Cannot edit driver.c: ${words}`);
}

/** Returns the lines of the edited text that are not in the original. */
function added(change: (source: CSource) => void): string[] {
  const old = TEXT.split("\n");
  return edited(change).split("\n").filter((line) => !old.includes(line));
}

Deno.test("CSource sets macros and enumerators", () => {
  assertEquals(added((source) => source.setMacro("LIMIT", "(100)")), [
    "#define LIMIT	(100)",
  ]);
  assertEquals(added((source) => source.setEnumerator("LENGTH", "8")), [
    "	LENGTH		= 8,",
  ]);
  refuses(
    (source) => source.setMacro("LIM", "1"),
    "macro LIM occurs 0 times",
  );
  refuses(
    (source) => source.setEnumerator("DEPTH", "1"),
    "enumerator DEPTH occurs 0 times",
  );
});

Deno.test("CSource edits inside functions, structs and variables", () => {
  assertEquals(
    added((source) => {
      source.struct("port").append("\tint sm_lid;\n");
      source.variable("ops").before(".sum", ".open = open,\n\t");
      source.function("sum")
        .replace("int result = a;", "int result = b;")
        .replaceUpTo("if (a)", "return", "result++;\n\t")
        .after("return result;", " /* done */");
    }),
    [
      "	int sm_lid;",
      "	int result = b;",
      "	result++;",
      "	return result; /* done */",
      "	.open = open,",
    ],
  );
});

Deno.test("CSource removes functions with their comments, and replaces bodies", () => {
  const text = edited((source) => {
    source.dropFunction("twice");
    source.setBody("last", "\tstop();\n");
    source.dropFunctions("sum", "last");
  });
  assertEquals(
    text.slice(text.indexOf("static int")),
    "static int twice(int value);\n\nvoid last(void)\n{\n\tstop();\n}\n",
  );
  assertEquals(added((source) => source.export("twice")), [
    "int twice(int value)",
  ]);
});

Deno.test("CSource reports a place that is missing or ambiguous", () => {
  refuses((source) => source.dropFunction("half"), "function half occurs 0");
  refuses(
    (source) => source.function("last").replace("twice(3)", ""),
    'function last has no "twice(3)"',
  );
  refuses(
    (source) => source.function("last").replace("twice(", ""),
    'function last has "twice(" more than once',
  );
  refuses(
    (source) => source.function("sum").replaceUpTo("if (a)", "void", ""),
    'function sum has no "void" after "if (a)"',
  );
  refuses(
    (source) => source.dropFunctions("last", "sum"),
    "sum precedes last",
  );
  // Only the text of the function is searched.
  refuses(
    (source) => source.function("sum").replace(".sum", ""),
    'function sum has no ".sum"',
  );
});
