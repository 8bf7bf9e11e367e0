/**
 * Bundles the program: one file for each entry point, and files for what entry points share or load on demand.
 *
 * A thread that loads a bundle takes about 10 MB less memory than with separate modules, and a command starts in two
 * thirds of the time; in an emulated machine in half of it. Minified code is parsed in 3 ms less for each command. To
 * keep the names of functions, which only stack traces show, would take as much time as that saves.
 */

import { workerEntries } from "./program.ts";

/** The expression with which modules refer to worker entries. */
const WORKER = /new URL\("[./]*(\w+_worker)\.ts", ?import\.meta\.url\)/g;

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
      ...["bundle", "--quiet", "--code-splitting", "--minify"],
      ...["--outdir", folder],
      ...["main.ts", ...workerEntries(), ...more],
    ],
    cwd: top,
    stdin: "null",
  }).output();
  if (!success) {
    throw new Error(`deno bundle failed: ${new TextDecoder().decode(stderr)}`);
  }
  await renameWorkers(folder, "");
  return `${folder}/main.js`;
}

/** Returns the paths of the bundled worker entries, relative to the folder of the bundle. */
export function bundledWorkers(): string[] {
  return workerEntries().map((entry) => entry.replace(/ts$/, "js"));
}

/** Replaces the worker entries to which the files below `folder` refer by their bundles. */
async function renameWorkers(top: string, inner: string): Promise<void> {
  const up = inner === "" ? "./" : "../".repeat(inner.split("/").length - 1);
  for await (const { name, isDirectory } of Deno.readDir(`${top}/${inner}`)) {
    const path = `${inner}${name}`;
    if (isDirectory) await renameWorkers(top, `${path}/`);
    else if (name.endsWith(".js")) await renameIn(`${top}/${path}`, up);
  }
}

/** @param up relative path from the file to the folder of the bundle */
async function renameIn(file: string, up: string): Promise<void> {
  const text = await Deno.readTextFile(file);
  const renamed = text.replace(WORKER, (_all, name) => {
    const entry = bundledWorkers().find((each) => each.endsWith(`/${name}.js`));
    return `new URL("${up}${entry}", import.meta.url)`;
  });
  if (renamed !== text) await Deno.writeTextFile(file, renamed);
}
