/**
 * Bundles the program into one file for each thread. In an emulated machine the bundle starts in half the time of the
 * separate modules.
 */

import { workerEntries } from "../program.ts";

/** The expression with which modules refer to worker entries. */
const WORKER = /new URL\("[./]*(\w+_worker)\.ts", import\.meta\.url\)/g;

/**
 * Bundles the program in the checkout `top`, and the entries `more`, into `folder`. Returns the path of the main
 * bundle. Throws an Error if `deno bundle` fails.
 */
export async function bundle(
  top: string,
  folder: string,
  more: readonly string[] = [],
): Promise<string> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--quiet", "--outdir", folder],
      ...["main.ts", ...workerEntries(), ...more],
    ],
    cwd: top,
    stdin: "null",
  }).output();
  if (!success) {
    throw new Error(`deno bundle failed: ${new TextDecoder().decode(stderr)}`);
  }
  const main = `${folder}/main.js`;
  await renameWorkers(main, "./src/daemon");
  for (const entry of workerEntries()) {
    await renameWorkers(`${folder}/${entry.replace(/ts$/, "js")}`, ".");
  }
  return main;
}

/** Replaces the worker entries to which a bundle refers by their bundles in `folder`, relative to the bundle. */
async function renameWorkers(file: string, folder: string): Promise<void> {
  const text = await Deno.readTextFile(file);
  await Deno.writeTextFile(
    file,
    text.replace(WORKER, `new URL("${folder}/$1.js", import.meta.url)`),
  );
}
