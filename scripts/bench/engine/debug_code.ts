/**
 * Cost of the debug code on the data path while it is off, compared with a copy of the program from which a script has
 * removed it.
 */

import { IpoibError } from "../../../src/base/errors.ts";
import type { EngineMeasurement } from "./engine_measurement.ts";

const TOP = new URL("../../../", import.meta.url).pathname;
/** Folders of the copy: what scripts/bench/engine/lean_host.ts imports. */
const FOLDERS = ["src", "ffi", "tests/ipoib", "tests/wire", "scripts"];
/** Files with debug code on the data path. */
const FILES = ["src/ipoib/rx.ts", "src/ipoib/packet_sender.ts"];
/** The debug code: a statement on the level of packets, up to the brace with its indentation. */
const DEBUG_CODE = /^( *)if \(this\.#debug\.packets\) \{\n(?:.*\n)*?\1\}\n/gm;

export const debugCode: EngineMeasurement = {
  name: "debug",
  columns: [
    { title: "debug code off", subject: "off" },
    { title: "without debug code", subject: "without" },
    { title: "without / off", subject: "without", to: "off" },
  ],
  program: new URL("debug_child.ts", import.meta.url).pathname,
  async arguments(folder) {
    const tree = `${folder}/without-debug-code/`;
    for (const each of FOLDERS) await copy(TOP + each, tree + each);
    for (const file of FILES) await removeDebugCode(tree + file);
    return [tree];
  },
};

async function removeDebugCode(file: string): Promise<void> {
  const text = await Deno.readTextFile(file);
  const without = text.replace(DEBUG_CODE, "");
  if (without === text || without.includes("#debug.packets")) {
    throw new IpoibError(
      "E_BENCH",
      `Cannot find the debug code of ${file}: update scripts/bench/engine/debug_code.ts`,
    );
  }
  await Deno.writeTextFile(file, without);
}

/** Copies the TypeScript files of a folder and its folders. */
async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else if (name.endsWith(".ts")) {
      await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
    }
  }
}
