/** The yardstick: a C program that splices two TUNs (splice.c). */

import { Helper } from "./inside.ts";
import {
  configure,
  cpuSecondsOf,
  NamespacePair,
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

/** Starts the yardstick between two new namespaces. */
export async function startYardstick(folder: string): Promise<Subject> {
  const pair = new NamespacePair();
  const namespaces = pair.paths;
  const addresses = ["10.98.1.1", "10.98.1.2"] as const;
  const [a, b] = namespaces;
  const splice = await Helper.start(`${folder}/splice`, [a, "ib0", b, "ib0"]);
  await configure(namespaces, addresses);
  return {
    name: "C splice",
    namespaces,
    addresses,
    cpuSeconds: () => cpuSecondsOf(splice.pid),
    close: async () => {
      await splice.end();
      pair.close();
    },
  };
}
