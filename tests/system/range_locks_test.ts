import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { RangeLocks } from "../../src/system/range_locks.ts";

Deno.test("RangeLocks grants each byte to several shared holders or one exclusive holder", () => {
  const directory = Deno.makeTempDirSync();
  using a = new RangeLocks(`${directory}/locks`);
  using b = new RangeLocks(`${directory}/locks`);
  const [here, there] = [5n, (1n << 62n) - 1n];
  assertEquals([a.share(here), b.share(here)], [true, true]);
  assertEquals([a.claim(here), a.claim(there)], [false, true]);
  assertEquals(b.share(there), false);
  b.free(here);
  assertEquals([a.claim(here), b.share(here)], [true, false]);
  assertEquals([a.share(here), b.share(here)], [true, true]);
  Deno.removeSync(directory, { recursive: true });
});

Deno.test("RangeLocks.close() releases all locks", () => {
  const directory = Deno.makeTempDirSync();
  const a = new RangeLocks(`${directory}/locks`);
  using b = new RangeLocks(`${directory}/locks`);
  a.share(5n);
  assertEquals(b.claim(5n), false);
  a.close();
  assertEquals(b.claim(5n), true);
  Deno.removeSync(directory, { recursive: true });
});

Deno.test("RangeLocks throws for a symbolic link and for a file that cannot be created", () => {
  const directory = Deno.makeTempDirSync();
  Deno.writeTextFileSync(`${directory}/target`, "x");
  Deno.symlinkSync(`${directory}/target`, `${directory}/link`);
  const refused = assertThrows(
    () => new RangeLocks(`${directory}/link`),
    IpoibError,
  );
  assertEquals([refused.code, refused.errno], ["E_LOCK", 40]);
  const missing = assertThrows(
    () => new RangeLocks(`${directory}/absent/locks`),
    IpoibError,
  );
  assertEquals(missing.errno, 2);
  Deno.removeSync(directory, { recursive: true });
});
