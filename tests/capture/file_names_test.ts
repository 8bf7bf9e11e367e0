import { assertEquals, assertMatch } from "@std/assert";
import { fileName } from "../../src/capture/file_names.ts";

const SECONDS = 1_796_006_858;

Deno.test("fileName() appends the number by size, with the digits of the last with -W", () => {
  const bySize = { path: "a.pcapng", byTime: false, bySize: true };
  const names = (files?: number) =>
    [0, 1, 2, 12].map((number) =>
      fileName({ ...bySize, files }, number, SECONDS)
    );
  assertEquals(names(), ["a.pcapng", "a.pcapng1", "a.pcapng2", "a.pcapng12"]);
  assertEquals(names(2), ["a.pcapng0", "a.pcapng1", "a.pcapng0", "a.pcapng0"]);
  assertEquals(names(11), [
    ...["a.pcapng00", "a.pcapng01", "a.pcapng02", "a.pcapng01"],
  ]);
});

Deno.test("fileName() formats the time, and numbers names without a field", () => {
  const byTime = { byTime: true, bySize: false };
  assertMatch(
    fileName({ path: "%Y-%m-%d_%H%M%S-%j-%y.%%", ...byTime }, 3, SECONDS),
    /^2026-1[12]-\d\d_\d{6}-33\d-26\.%$/,
  );
  assertEquals(fileName({ path: "%s", ...byTime }, 3, SECONDS), `${SECONDS}`);
  const plain = { path: "a", ...byTime };
  assertEquals(
    [0, 1].map((number) => fileName(plain, number, SECONDS)),
    ["a", "a1"],
  );
});

Deno.test("fileName() without rotation is the path, also with a percent sign", () => {
  const name = { path: "a%Sb", byTime: false, bySize: false };
  assertEquals(fileName(name, 0, SECONDS), "a%Sb");
});
