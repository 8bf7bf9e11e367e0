import { assertEquals } from "@std/assert";
import { readSmallFile } from "../../src/system/read_files.ts";

Deno.test("readSmallFile() returns at most 4096 bytes, or undefined if the file cannot be read", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "InfiniBand\n");
    assertEquals(readSmallFile(path), "InfiniBand\n");
    await Deno.writeTextFile(path, "x".repeat(5000));
    assertEquals(readSmallFile(path)?.length, 4096);
  } finally {
    await Deno.remove(path);
  }
  assertEquals(readSmallFile(path), undefined);
  assertEquals(readSmallFile("/"), undefined);
});
