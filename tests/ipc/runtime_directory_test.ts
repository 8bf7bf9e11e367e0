// deno-lint-ignore-file no-sync-fn-in-async-fn -- the functions under test are synchronous
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import {
  inRuntimeDirectory,
  makeRuntimeDirectory,
} from "../../src/ipc/runtime_directory.ts";

function inDirectory(body: (directory: string) => void): void {
  const directory = Deno.makeTempDirSync();
  try {
    body(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

const mode = (path: string) => Deno.lstatSync(path).mode! & 0o7777;

function refusal(path: string, runtime: string): string {
  const error = assertThrows(
    () => makeRuntimeDirectory(path, runtime),
    IpoibError,
  );
  assertEquals(error.code, "E_RUNTIME_DIR");
  return error.message;
}

Deno.test("makeRuntimeDirectory() creates the runtime directory with mode 0755 and its subdirectories with 0700 under any umask", () => {
  for (const mask of [0o077, 0o022, 0]) {
    inDirectory((directory) => {
      const before = Deno.umask(mask);
      try {
        makeRuntimeDirectory(`${directory}/run/netns/12`, `${directory}/run`);
        // A second call changes nothing.
        makeRuntimeDirectory(`${directory}/run/netns/12`, `${directory}/run`);
      } finally {
        Deno.umask(before);
      }
      assertEquals(mode(`${directory}/run`), 0o755);
      assertEquals(mode(`${directory}/run/netns`), 0o700);
      assertEquals(mode(`${directory}/run/netns/12`), 0o700);
    });
  }
});

Deno.test("makeRuntimeDirectory() refuses a symbolic link", () =>
  inDirectory((directory) => {
    Deno.mkdirSync(`${directory}/elsewhere`);
    Deno.mkdirSync(`${directory}/run`);
    Deno.symlinkSync(`${directory}/elsewhere`, `${directory}/run/netns`);
    assertStringIncludes(
      refusal(`${directory}/run/netns/12`, `${directory}/run`),
      `"${directory}/run/netns" is a symbolic link`,
    );
    assertEquals([...Deno.readDirSync(`${directory}/elsewhere`)], []);
    Deno.symlinkSync(`${directory}/elsewhere`, `${directory}/linked`);
    refusal(`${directory}/linked`, `${directory}/linked`);
    // A dangling link is not followed either.
    Deno.symlinkSync(`${directory}/new`, `${directory}/dangling`);
    refusal(`${directory}/dangling`, `${directory}/dangling`);
  }));

Deno.test("makeRuntimeDirectory() refuses a directory that is writable by other users, at every depth", () =>
  inDirectory((directory) => {
    const runtime = `${directory}/run`;
    const deep = `${runtime}/subnet/default`;
    makeRuntimeDirectory(deep, runtime);
    for (const path of [runtime, `${runtime}/subnet`, deep]) {
      for (const bits of [0o002, 0o020, 0o1777]) {
        const before = mode(path);
        Deno.chmodSync(path, before | bits);
        assertStringIncludes(refusal(deep, runtime), `"${path}"`);
        Deno.chmodSync(path, before);
      }
    }
    makeRuntimeDirectory(deep, runtime);
  }));

Deno.test("makeRuntimeDirectory() accepts a sticky parent directory such as /tmp, and refuses a writable one without the sticky bit", () =>
  inDirectory((directory) => {
    Deno.chmodSync(directory, 0o1777);
    makeRuntimeDirectory(`${directory}/run`, `${directory}/run`);
    Deno.chmodSync(directory, 0o777);
    assertStringIncludes(
      refusal(`${directory}/run`, `${directory}/run`),
      `"${directory}"`,
    );
  }));

Deno.test({
  name: "makeRuntimeDirectory() refuses a directory of another user",
  ignore: Deno.uid() !== 0,
  fn: () =>
    inDirectory((directory) => {
      const runtime = `${directory}/run`;
      makeRuntimeDirectory(`${runtime}/netns`, runtime);
      for (const path of [runtime, `${runtime}/netns`]) {
        Deno.chownSync(path, 4711, 4711);
        assertStringIncludes(
          refusal(`${runtime}/netns`, runtime),
          "belongs to another user (uid 4711)",
        );
        Deno.chownSync(path, 0, 0);
      }
    }),
});

Deno.test("makeRuntimeDirectory() refuses a file, and throws the reason if it cannot create a directory", () =>
  inDirectory((directory) => {
    Deno.writeTextFileSync(`${directory}/file`, "");
    assertStringIncludes(
      refusal(`${directory}/file`, `${directory}/file`),
      "is not a directory",
    );
    assertStringIncludes(
      refusal(`${directory}/file/run`, `${directory}/file/run`),
      `Cannot create directory "${directory}/file`,
    );
  }));

Deno.test("makeRuntimeDirectory() creates directories outside the runtime directory with mode 0700", () =>
  inDirectory((directory) => {
    makeRuntimeDirectory(`${directory}/a/b`, `${directory}/run`);
    assertEquals(mode(`${directory}/a`), 0o700);
    assertEquals(mode(`${directory}/a/b`), 0o700);
  }));

Deno.test("inRuntimeDirectory() creates the directory again if another process removes it at any moment", async () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/7`;
  const lstat = Deno.lstatSync;
  try {
    for (const created of [false, true]) {
      if (created) Deno.mkdirSync(path, { mode: 0o700 });
      let removals = 1;
      // Between creation and check.
      Deno.lstatSync = (each) => {
        if (each === path && removals-- > 0) Deno.removeSync(path);
        return lstat(each);
      };
      await inRuntimeDirectory(path, () => Deno.writeTextFile(`${path}/a`, ""));
      Deno.lstatSync = lstat;
      Deno.removeSync(path, { recursive: true });
    }
    // Between check and use.
    let calls = 0;
    await inRuntimeDirectory(path, async () => {
      if (calls++ === 0) Deno.removeSync(path);
      await Deno.writeTextFile(`${path}/a`, "");
    });
    assertEquals(calls, 2);
  } finally {
    Deno.lstatSync = lstat;
    Deno.removeSync(directory, { recursive: true });
  }
});
