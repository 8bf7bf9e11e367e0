/** Times several pieces of work in turn, in short bursts, so that other load of the machine affects all of them. */

import { median } from "../statistics.ts";

/** Operations of a burst: short enough that most bursts are not interrupted. */
const BURST = 200;
/** Operations before each burst, which bring memory back into the caches that other pieces of work have used. */
const PRELUDE = 100;
/** Bursts of each piece of work before the first timed one, in which V8 compiles it. */
const WARM_UP = 40;
const BURSTS = 300;

/** Performs this number of operations. */
export type Work = (operations: number) => void;

/** Returns the median time of an operation in nanoseconds, by name. */
export function interleave(
  works: ReadonlyMap<string, Work>,
): Map<string, number> {
  const times = new Map(
    [...works.keys()].map((name) => [name, [] as number[]]),
  );
  for (let burst = 0; burst < WARM_UP + BURSTS; burst++) {
    for (const [name, work] of works) {
      work(PRELUDE);
      const before = performance.now();
      work(BURST);
      const ms = performance.now() - before;
      if (burst >= WARM_UP) times.get(name)!.push(1e6 * ms / BURST);
    }
  }
  return new Map([...times].map(([name, each]) => [name, median(each)]));
}
