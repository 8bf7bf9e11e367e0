import { assertEquals, assertStrictEquals } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";

Deno.test("IpoibError has code, errno, hint and cause", () => {
  const cause = new Error("below");
  const error = new IpoibError("E_X", "Cannot do", {
    errno: 13,
    hint: "be root",
    cause,
  });
  assertEquals(
    [error.name, error.code, error.message, error.errno, error.hint],
    ["IpoibError", "E_X", "Cannot do", 13, "be root"],
  );
  assertStrictEquals(error.cause, cause);
  assertEquals("cause" in new IpoibError("E_X", "Cannot do"), false);
});

Deno.test("IpoibError.from() restores an error from JSON", () => {
  for (
    const details of [{}, { errno: 1 }, { hint: "h" }, { errno: 0, hint: "" }]
  ) {
    const error = new IpoibError("E_X", "Cannot do", details);
    const back = IpoibError.from(JSON.parse(JSON.stringify(error)));
    assertEquals(
      [back.code, back.message, back.errno, back.hint],
      [error.code, error.message, error.errno, error.hint],
    );
  }
  assertEquals(new IpoibError("E_X", "m").toJSON(), {
    code: "E_X",
    message: "m",
  });
});

Deno.test("IpoibError.from() accepts any thrown value", () => {
  const own = new IpoibError("E_X", "m");
  assertStrictEquals(IpoibError.from(own), own);
  for (
    const [thrown, message] of [
      [new TypeError("wrong"), "wrong"],
      ["text", "text"],
      [undefined, "undefined"],
      [null, "null"],
      [{ code: 1, message: "m" }, "[object Object]"],
    ] as const
  ) {
    const error = IpoibError.from(thrown);
    assertEquals([error.code, error.message], ["E_INTERNAL", message]);
    assertStrictEquals(error.cause, thrown);
  }
  // An Error of another class gets E_INTERNAL even if it has a code.
  const foreign = Object.assign(new Error("m"), { code: "ENOENT" });
  assertEquals(IpoibError.from(foreign).code, "E_INTERNAL");
});
