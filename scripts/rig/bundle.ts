/**
 * The program as one file for each thread: in an emulated machine it starts in half the time that its three hundred
 * modules take.
 */

import { workerEntries } from "../program.ts";

/** How the modules name the worker entries near them. */
const WORKER = /new URL\("[./]*(\w+_worker)\.ts", import\.meta\.url\)/g;

/** Writes the bundles of the checkout `top`, and those of `more` entries, into `folder`; returns the path of the main one. */
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
    throw new Error(`deno bundle: ${new TextDecoder().decode(stderr)}`);
  }
  const main = `${folder}/main.js`;
  const text = await Deno.readTextFile(main);
  await Deno.writeTextFile(
    main,
    text.replace(WORKER, `new URL("./src/daemon/$1.js", import.meta.url)`),
  );
  return main;
}
