import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { makeRuntimeFolder } from "../../src/ipc/runtime_folder.ts";

function inFolder(body: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const mode = (path: string) => Deno.lstatSync(path).mode! & 0o7777;

function refusal(path: string, runtime: string): string {
  const error = assertThrows(
    () => makeRuntimeFolder(path, runtime),
    IpoibError,
  );
  assertEquals(error.code, "E_RUNTIME_DIR");
  return error.message;
}

Deno.test("makeRuntimeFolder() creates the runtime directory with mode 0755 and its subdirectories with 0700 under any umask", () => {
  for (const mask of [0o077, 0o022, 0]) {
    inFolder((folder) => {
      const before = Deno.umask(mask);
      try {
        makeRuntimeFolder(`${folder}/run/netns/12`, `${folder}/run`);
        // A second call changes nothing.
        makeRuntimeFolder(`${folder}/run/netns/12`, `${folder}/run`);
      } finally {
        Deno.umask(before);
      }
      assertEquals(mode(`${folder}/run`), 0o755);
      assertEquals(mode(`${folder}/run/netns`), 0o700);
      assertEquals(mode(`${folder}/run/netns/12`), 0o700);
    });
  }
});

Deno.test("makeRuntimeFolder() refuses a symbolic link", () =>
  inFolder((folder) => {
    Deno.mkdirSync(`${folder}/elsewhere`);
    Deno.mkdirSync(`${folder}/run`);
    Deno.symlinkSync(`${folder}/elsewhere`, `${folder}/run/netns`);
    assertStringIncludes(
      refusal(`${folder}/run/netns/12`, `${folder}/run`),
      `"${folder}/run/netns" is a symbolic link`,
    );
    assertEquals([...Deno.readDirSync(`${folder}/elsewhere`)], []);
    Deno.symlinkSync(`${folder}/elsewhere`, `${folder}/linked`);
    refusal(`${folder}/linked`, `${folder}/linked`);
    // A dangling link is not followed either.
    Deno.symlinkSync(`${folder}/new`, `${folder}/dangling`);
    refusal(`${folder}/dangling`, `${folder}/dangling`);
  }));

Deno.test("makeRuntimeFolder() refuses a directory that is writable by other users, at every depth", () =>
  inFolder((folder) => {
    const runtime = `${folder}/run`;
    const deep = `${runtime}/subnet/default`;
    makeRuntimeFolder(deep, runtime);
    for (const path of [runtime, `${runtime}/subnet`, deep]) {
      for (const bits of [0o002, 0o020, 0o1777]) {
        const before = mode(path);
        Deno.chmodSync(path, before | bits);
        assertStringIncludes(refusal(deep, runtime), `"${path}"`);
        Deno.chmodSync(path, before);
      }
    }
    makeRuntimeFolder(deep, runtime);
  }));

Deno.test("makeRuntimeFolder() accepts a sticky parent directory such as /tmp, and refuses a writable one without the sticky bit", () =>
  inFolder((folder) => {
    Deno.chmodSync(folder, 0o1777);
    makeRuntimeFolder(`${folder}/run`, `${folder}/run`);
    Deno.chmodSync(folder, 0o777);
    assertStringIncludes(
      refusal(`${folder}/run`, `${folder}/run`),
      `"${folder}"`,
    );
  }));

Deno.test({
  name: "makeRuntimeFolder() refuses a directory of another user",
  ignore: Deno.uid() !== 0,
  fn: () =>
    inFolder((folder) => {
      const runtime = `${folder}/run`;
      makeRuntimeFolder(`${runtime}/netns`, runtime);
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

Deno.test("makeRuntimeFolder() refuses a file, and throws the reason if it cannot create a directory", () =>
  inFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/file`, "");
    assertStringIncludes(
      refusal(`${folder}/file`, `${folder}/file`),
      "is not a directory",
    );
    assertStringIncludes(
      refusal(`${folder}/file/run`, `${folder}/file/run`),
      `Cannot create directory "${folder}/file`,
    );
  }));

Deno.test("makeRuntimeFolder() creates directories outside the runtime directory with mode 0700", () =>
  inFolder((folder) => {
    makeRuntimeFolder(`${folder}/a/b`, `${folder}/run`);
    assertEquals(mode(`${folder}/a`), 0o700);
    assertEquals(mode(`${folder}/a/b`), 0o700);
  }));
