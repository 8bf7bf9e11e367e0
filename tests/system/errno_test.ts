import { assertEquals, assertThrows } from "@std/assert";
import { cString, errno, libc } from "../../ffi/libc.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { Errno, errnoText } from "../../src/base/errno.ts";
import { lastError, unwrap } from "../../src/system/errno.ts";
import { EBADF } from "./errno_values.ts";

Deno.test("errno() returns the errno of the last failed call", () => {
  for (let i = 0; i < 1000; i++) {
    assertEquals(libc().close(-1), -1);
    assertEquals(errno(), EBADF);
    assertEquals(libc().open(cString("/nowhere/at/all"), 0, 0), -1);
    assertEquals(errno(), Errno.ENOENT);
  }
});

Deno.test("errno() is correct at its first call in a thread", async () => {
  const url = new URL("../../ffi/libc.ts", import.meta.url).href;
  const source = `import { errno, libc } from ${JSON.stringify(url)};
    libc().close(-1);
    self.postMessage(errno());`;
  const worker = new Worker(
    URL.createObjectURL(new Blob([source], { type: "text/typescript" })),
    { type: "module" },
  );
  const value = await new Promise((resolve) => {
    worker.onmessage = (event) => resolve(event.data);
  });
  worker.terminate();
  assertEquals(value, EBADF);
});

Deno.test("unwrap() returns results and throws failures", () => {
  assertEquals(unwrap(0, "E_TEST", "do it"), 0);
  assertEquals(unwrap(7, "E_TEST", "do it"), 7);
  const error = assertThrows(
    () => unwrap(libc().close(-1), "E_TEST", "close it"),
    IpoibError,
    "Cannot close it: Bad file descriptor",
  );
  assertEquals([error.code, error.errno], ["E_TEST", EBADF]);
});

Deno.test("lastError() prefers the errno of its details", () => {
  libc().close(-1);
  const error = lastError("E_TEST", "sleep", {
    errno: Errno.ENOSPC,
    hint: "tidy up",
  });
  assertEquals(error.message, "Cannot sleep: No space left on device");
  assertEquals([error.errno, error.hint], [Errno.ENOSPC, "tidy up"]);
});

Deno.test("errnoText() has a text for every named errno", () => {
  for (const value of Object.values(Errno)) {
    assertEquals(errnoText(value).startsWith("error "), false, `${value}`);
  }
  assertEquals(errnoText(4000), "error 4000");
});
