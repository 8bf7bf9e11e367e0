/** The images from which the machines boot: built once, and again when the recipe or Debian's kernel has changed. */

import { Cache } from "./cache.ts";
import { buildDriver, DRIVER_RECIPE } from "./driver.ts";
import { buildInitramfs, INITRAMFS_RECIPE } from "./initramfs.ts";
import { type Kernel, provideKernel } from "./kernel.ts";

const HERE = new URL("./", import.meta.url).pathname;
const DIGITS = 12;

/** Paths of files and folders in the cache. */
export interface Images {
  readonly kernel: Kernel;
  readonly initramfs: string;
  /** The folder of the driver, `rxe_ib.ko`. */
  readonly driver: string;
}

/** Finds the images, or builds them, which takes a minute and is announced by `say`. Throws if a step of the build fails. */
export function provideImages(
  say: (text: string) => void = () => {},
): Promise<Images> {
  return Cache.use(async (cache) => {
    const kernel = await provideKernel(cache, say);
    const name = `build-${await recipeHash(HERE, kernel.name)}`;
    let driver = await cache.find(name);
    if (driver === undefined) {
      say(`Building the driver for Linux ${kernel.release}\n`);
      driver = await cache.make(name, async (folder) => {
        await buildDriver(kernel, folder);
        await buildInitramfs(kernel, folder);
      });
    }
    return { kernel, initramfs: `${driver}/initramfs.gz`, driver };
  });
}

/** Names what is built by everything that it is made of: the files of the recipe in `folder`, and the kernel. */
export async function recipeHash(
  folder: string,
  kernel: string,
  recipe: readonly string[] = [...DRIVER_RECIPE, ...INITRAMFS_RECIPE],
): Promise<string> {
  const parts: string[] = [kernel];
  for (const path of recipe.flatMap((path) => files(folder, path)).sort()) {
    parts.push(path, await Deno.readTextFile(`${folder}${path}`));
  }
  const bytes = new TextEncoder().encode(JSON.stringify(parts));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return digest.toHex().slice(0, DIGITS);
}

/** The file, or all files of the folder, whose name ends in a slash. */
function files(folder: string, path: string): string[] {
  if (!path.endsWith("/")) return [path];
  return [...Deno.readDirSync(`${folder}${path}`)].flatMap((entry) =>
    files(folder, `${path}${entry.name}${entry.isDirectory ? "/" : ""}`)
  );
}
