/** The yardstick: a C program that splices TUNs (splice.c). */

import { Helper } from "./inside.ts";
import {
  addressesOf,
  configure,
  cpuSecondsOf,
  endsOf,
  Namespaces,
  type Subject,
} from "./subject.ts";

/** Compiles the C programs of the bench into `folder`. */
export async function compilePrograms(folder: string): Promise<void> {
  for (const name of ["splice", "pps"]) {
    const source = new URL(`${name}.c`, import.meta.url).pathname;
    const { success, stderr } = await new Deno.Command("gcc", {
      args: ["-O2", "-Wall", "-o", `${folder}/${name}`, source],
    }).output();
    if (!success) {
      throw new Error(
        `gcc cannot compile ${name}.c: ${new TextDecoder().decode(stderr)}`,
      );
    }
  }
}

/** Starts the yardstick between new namespaces. */
export async function startYardstick(
  folder: string,
  ends = 2,
): Promise<Subject> {
  const namespaces = new Namespaces(ends);
  const { paths } = namespaces;
  const addresses = addressesOf(1, ends);
  const devices = endsOf(ends, () => "ib0");
  const splice = await Helper.start(
    `${folder}/splice`,
    paths.flatMap((path, end) => [path, devices[end]!]),
  );
  const close = async () => {
    await splice.end();
    namespaces.close();
  };
  try {
    await configure(paths, addresses, devices);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    name: "C splice",
    devices,
    namespaces: paths,
    addresses,
    cpuSeconds: () => cpuSecondsOf(splice.pid),
    close,
  };
}
