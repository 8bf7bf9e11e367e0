/**
 * The program as one file for each thread: in an emulated machine it starts in half the time that its three hundred
 * modules take.
 */

const MAIN = "main.ts";
const DAEMON = "src/daemon";
/** How the modules name the worker entries beside them. */
const WORKER = /new URL\("[./]*(\w+_worker)\.ts", import\.meta\.url\)/g;

/** Writes the bundles of the checkout `top` into `folder`; returns the path of the main one. */
export async function bundle(top: string, folder: string): Promise<string> {
  const workers = [...Deno.readDirSync(`${top}${DAEMON}`)]
    .map(({ name }) => name).filter((name) => name.endsWith("_worker.ts"));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--quiet", "--outdir", folder, MAIN],
      ...workers.map((name) => `${DAEMON}/${name}`),
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
    text.replace(WORKER, `new URL("./${DAEMON}/$1.js", import.meta.url)`),
  );
  return main;
}
