import { assertEquals, assertThrows } from "@std/assert";
import { systemReason } from "../../src/base/system_error.ts";

Deno.test("systemReason() is the text of strerror(3), without number and path", () => {
  const reasons: Array<[() => unknown, string]> = [
    [() => Deno.openSync("/nonexistent/x"), "No such file or directory"],
    [() => Deno.readLinkSync("/nonexistent/y"), "No such file or directory"],
    [() => Deno.readTextFileSync("/"), "Is a directory"],
  ];
  for (const [fail, reason] of reasons) {
    assertEquals(systemReason(assertThrows(fail)), reason);
  }
  assertEquals(systemReason(new Error("it is not a file")), "it is not a file");
  assertEquals(systemReason("text"), "text");
});
