/** Opening files in a directory where another user may have created the name first. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { Errno } from "../../src/base/errno.ts";
import { tryLock } from "../../src/system/lock.ts";
import { openRegular, readRegular } from "../../src/system/regular_file.ts";
import { testWhere } from "../test_where.ts";
import { ELOOP } from "./errno_values.ts";

function inDirectory(body: (directory: string) => void): void {
  const directory = Deno.makeTempDirSync();
  try {
    body(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Returns the errno with which `use` refuses the file `name`. */
function refusal(
  code: string,
  use: (path: string) => void,
  directory: string,
  name: string,
): number | undefined {
  const error = assertThrows(() => use(`${directory}/${name}`), IpoibError);
  assertEquals(error.code, code);
  assert(error.message.includes(`${directory}/${name}`), error.message);
  return error.errno;
}

for (
  const [name, code, use] of [
    ["tryLock()", "E_LOCK", (path) => tryLock(path)?.close()],
    [
      "openRegular()",
      "E_X",
      (path) =>
        openRegular(path, "E_X", { access: "write", create: true }).close(),
    ],
    ["readRegular()", "E_X", (path) => void readRegular(path, "E_X", 100)],
  ] as const satisfies [string, string, (path: string) => void][]
) {
  Deno.test(`${name} refuses symbolic links, also dangling ones, and non-regular files`, () =>
    inDirectory((directory) => {
      const refused = (file: string) => refusal(code, use, directory, file);
      Deno.writeTextFileSync(`${directory}/target`, "of somebody");
      Deno.symlinkSync("target", `${directory}/link`);
      assertEquals(refused("link"), ELOOP);
      assertEquals(Deno.readTextFileSync(`${directory}/target`), "of somebody");
      Deno.symlinkSync("new", `${directory}/dangling`);
      assertEquals(refused("dangling"), ELOOP);
      assertThrows(
        () => Deno.lstatSync(`${directory}/new`),
        Deno.errors.NotFound,
      );
      new Deno.Command("mkfifo", { args: [`${directory}/fifo`] }).outputSync();
      refused("fifo");
      Deno.mkdirSync(`${directory}/directory`);
      refused("directory");
    }));

  testWhere(
    Deno.uid() === 0 ? undefined : "needs root",
    `${name} refuses files of other users`,
    () =>
      inDirectory((directory) => {
        Deno.writeTextFileSync(`${directory}/foreign`, "");
        Deno.chownSync(`${directory}/foreign`, 4711, 4711);
        const errno = refusal(code, use, directory, "foreign");
        assertEquals(errno, Errno.EACCES);
      }),
  );
}

Deno.test("readRegular() of a file given by the user follows a symbolic link but refuses a FIFO", () =>
  inDirectory((directory) => {
    Deno.writeTextFileSync(`${directory}/target`, "text ü");
    Deno.symlinkSync("target", `${directory}/link`);
    const read = (name: string) =>
      readRegular(`${directory}/${name}`, "E_X", 100, { named: true });
    assertEquals(read("link"), "text ü");
    new Deno.Command("mkfifo", { args: [`${directory}/fifo`] }).outputSync();
    assertThrows(() => read("fifo"), IpoibError, "is not a regular file");
  }));

Deno.test("readRegular() reads files up to the maximum length", () =>
  inDirectory((directory) => {
    const text = "ü".repeat(100_000);
    Deno.writeTextFileSync(`${directory}/file`, text);
    assertEquals(readRegular(`${directory}/file`, "E_X", 200_000), text);
    const error = assertThrows(
      () => readRegular(`${directory}/file`, "E_X", 199_999),
      IpoibError,
    );
    assertEquals([error.code, error.errno], ["E_X", Errno.EFBIG]);
  }));

Deno.test("openRegular() creates a file with mode 0600", () =>
  inDirectory((directory) => {
    const before = Deno.umask(0);
    try {
      openRegular(`${directory}/new`, "E_X", { access: "write", create: true })
        .close();
    } finally {
      Deno.umask(before);
    }
    assertEquals(Deno.statSync(`${directory}/new`).mode! & 0o777, 0o600);
  }));
