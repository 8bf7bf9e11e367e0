import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { Cache } from "../../../scripts/rig/cache.ts";
import { recipeHash } from "../../../scripts/rig/images.ts";

const DAY_SECONDS = 86_400;

async function withFolder(
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const names = (folder: string) =>
  [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name !== "lock").sort();

Deno.test("Cache.find() returns a complete folder, and nothing after a failure of Cache.make()", () =>
  withFolder(async (folder) => {
    await Cache.use(async (cache) => {
      assertEquals(await cache.find("one"), undefined);
      const path = await cache.make(
        "one",
        (unfinished) => Deno.writeTextFile(`${unfinished}/file`, "text"),
      );
      assertEquals(await cache.find("one"), path);
      assertEquals(await Deno.readTextFile(`${path}/file`), "text");
      await assertRejects(() =>
        cache.make("two", () => Promise.reject(new Error("broken")))
      );
      assertEquals(await cache.find("two"), undefined);
    }, folder);
  }));

Deno.test("Cache.make() removes unfinished folders, and folders not used for a day", () =>
  withFolder(async (folder) => {
    const empty = () => Promise.resolve();
    await Cache.use(async (cache) => {
      for (const name of ["old", "used", "new"]) await cache.make(name, empty);
      await Deno.mkdir(`${folder}/unfinished-three`);
      const then = Date.now() / 1000 - 2 * DAY_SECONDS;
      for (const name of ["old", "used"]) {
        await Deno.utime(`${folder}/${name}`, then, then);
      }
      await cache.find("used");
      await cache.make("four", empty);
    }, folder);
    assertEquals(names(folder), ["four", "new", "used"]);
  }));

Deno.test("Cache.use() runs one function at a time, and requires an absolute path", () =>
  withFolder(async (folder) => {
    const order: string[] = [];
    const work = (name: string) =>
      Cache.use(async () => {
        order.push(`${name} starts`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        order.push(`${name} ends`);
      }, folder);
    await Promise.all([work("a"), work("a")]);
    assertEquals(order, ["a starts", "a ends", "a starts", "a ends"]);
    await assertRejects(
      () => Cache.use(() => Promise.resolve(), "relative"),
      Error,
      "is not an absolute path",
    );
  }));

Deno.test("recipeHash() depends on the files of the recipe and on the kernel", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/driver`);
    const hash = (kernel = "kernel-1") =>
      recipeHash(`${folder}/`, kernel, ["driver/", "init"]);
    await Deno.writeTextFile(`${folder}/init`, "first");
    await Deno.writeTextFile(`${folder}/other`, "not of the recipe");
    const first = await hash();
    assertEquals(await hash(), first);
    assertNotEquals(await hash("kernel-2"), first);
    await Deno.writeTextFile(`${folder}/other`, "changed");
    assertEquals(await hash(), first);
    await Deno.writeTextFile(`${folder}/driver/new.c`, "");
    const second = await hash();
    assertNotEquals(second, first);
    await Deno.writeTextFile(`${folder}/init`, "second");
    assertNotEquals(await hash(), second);
  }));
