/**
 * Builds the driver of the machines' InfiniBand ports from the kernel's soft RoCE driver. The script that edits the
 * driver has a separate license (rxe_ib/).
 */

import { run } from "./command.ts";
import type { Kernel } from "./kernel.ts";

const EDIT = new URL("rxe_ib/edit.ts", import.meta.url).pathname;
/** Files of the recipe. The driver depends on them and on the kernel. */
export const DRIVER_RECIPE = ["rxe_ib/", "c_source.ts", "driver.ts"];

/** Compiles `rxe_ib.ko` in `folder`. Throws an Error if a command fails. */
export async function buildDriver(
  kernel: Kernel,
  folder: string,
): Promise<void> {
  const sources = `${folder}/driver`;
  await run(["cp", "-r", kernel.rxe, sources]);
  await run([
    ...[Deno.execPath(), "run", "--quiet", "--no-config"],
    ...["--allow-read", "--allow-write", EDIT, sources],
  ]);
  await run([
    ...["make", `-j${navigator.hardwareConcurrency}`],
    // The Makefile of the headers works only in /usr/src.
    ...["-C", kernel.headers, "-f", `${kernel.commonHeaders}/Makefile`],
    ...[`M=${sources}`, "modules"],
  ]);
  await run([
    ...["strip", "-g", "-o", `${folder}/rxe_ib.ko`],
    `${sources}/rxe_ib.ko`,
  ]);
  await Deno.remove(sources, { recursive: true });
}
