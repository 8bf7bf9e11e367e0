/** The kernel's limits on neighbours, raised for a measurement. They are those of the machine. */

import { IpoibError } from "../../src/base/errors.ts";

const FAMILIES = ["ipv4", "ipv6"];
/** The limits as multiples of the number of neighbours: no entry is removed. */
const MULTIPLES = [2, 3, 4];

/** Raises the limits for `count` neighbours. Returns a function that restores them. Throws `E_BENCH`. */
export function raiseNeighbourLimits(count: number): () => void {
  const changes = FAMILIES.flatMap((family) =>
    MULTIPLES.map((multiple, i) => ({
      path: `/proc/sys/net/${family}/neigh/default/gc_thresh${i + 1}`,
      value: multiple * count,
    }))
  );
  const before: { path: string; text: string }[] = [];
  const restore = () => {
    for (const { path, text } of before) Deno.writeTextFileSync(path, text);
  };
  try {
    for (const { path, value } of changes) {
      const text = Deno.readTextFileSync(path);
      if (Number(text) >= value) continue;
      Deno.writeTextFileSync(path, `${value}`);
      before.push({ path, text });
    }
  } catch (error) {
    restore();
    throw new IpoibError(
      "E_BENCH",
      `Cannot raise the kernel's limits on neighbours: ${
        IpoibError.from(error).message
      }`,
      { hint: "run in the initial network namespace" },
    );
  }
  return restore;
}
