/** Boot images of the virtual machines. They are rebuilt if the recipe or Debian's kernel has changed. */

import { Cache } from "./cache.ts";
import { buildDriver, DRIVER_RECIPE } from "./driver.ts";
import { buildInitramfs, INITRAMFS_RECIPE } from "./initramfs.ts";
import { type Kernel, provideKernel } from "./kernel.ts";

const HERE = new URL("./", import.meta.url).pathname;
const DIGITS = 12;

/** Paths of the images in the cache. */
export interface Images {
  readonly kernel: Kernel;
  readonly initramfs: string;
  /** Folder with the driver, `rxe_ib.ko`. */
  readonly driver: string;
}

/**
 * Returns the images. Builds them if needed, which takes a minute, and reports it to `say`. Throws an Error if a step
 * fails.
 */
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

/** Returns a hash of the inputs of the build: the recipe files in `folder` and the name of the kernel. */
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

/** Returns the path, or the paths of all files below it if it ends in a slash. */
function files(folder: string, path: string): string[] {
  if (!path.endsWith("/")) return [path];
  return [...Deno.readDirSync(`${folder}${path}`)].flatMap((entry) =>
    files(folder, `${path}${entry.name}${entry.isDirectory ? "/" : ""}`)
  );
}
