import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { tryLock } from "../../src/system/lock.ts";

Deno.test("tryLock() grants the lock to one holder at a time", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const path = `${directory}/lock`;
    const first = tryLock(path);
    assert(first);
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    assertEquals(tryLock(path), undefined);
    first.close();
    const second = tryLock(path);
    assert(second);
    second.close();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("tryLock() throws an error with the path of a file that it cannot open", () => {
  const error = assertThrows(
    () => tryLock("/nowhere/at/all/lock"),
    IpoibError,
    "/nowhere/at/all/lock",
  );
  assertEquals([error.code, error.errno], ["E_LOCK", 2]);
});

Deno.test("a lock is released when its process is killed", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/lock`;
    const url = new URL("../../src/system/lock.ts", import.meta.url).href;
    const script = `${directory}/hold.ts`;
    await Deno.writeTextFile(
      script,
      `import { tryLock } from ${JSON.stringify(url)};
      globalThis.held = tryLock(${JSON.stringify(path)});
      await Deno.stdout.write(new Uint8Array([globalThis.held ? 49 : 48]));
      await new Promise(() => setInterval(() => {}, 1000));`,
    );
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--no-lock", script],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    assertEquals(value?.[0], 49);
    assertEquals(tryLock(path), undefined);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    const lock = tryLock(path);
    assert(lock);
    lock.close();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
