/** Part "kill": rounds of SIGKILL and SIGSTOP until the time expires or all rounds are done. */

import { type Random, random } from "../../../tests/wire/support.ts";
import type { PartOptions, Row } from "../part.ts";
import { type Disturbance, DISTURBANCES } from "./disturbances.ts";
import { Arena } from "./rounds.ts";

/** Number of rounds of a full run. */
const ROUNDS = 500;
/** Number of rounds after which the hosts are stopped in order and replaced. */
const ROUNDS_PER_ARENA = 50;
/** Folder for the output of the programs in failed rounds. */
const REPORTS = new URL("../../../dist/torture/", import.meta.url);

/** Runs the part. */
export async function runKill(
  options: PartOptions,
  rounds = ROUNDS,
): Promise<Row[]> {
  return await new Campaign(options, rounds).run();
}

class Campaign {
  readonly #options: PartOptions;
  readonly #rounds: number;
  readonly #next: Random;
  readonly #times = new Map<string, number[]>();
  readonly #failures = new Map<string, string[]>();
  readonly #left: string[] = [];
  #arenas = 0;
  #received = 0;

  constructor(options: PartOptions, rounds: number) {
    this.#options = options;
    this.#rounds = rounds;
    this.#next = random(options.seed);
  }

  async run(): Promise<Row[]> {
    const { minutes, only } = this.#options;
    const end = performance.now() + minutes * 60_000;
    const kinds = DISTURBANCES.filter(({ name }) =>
      only.length === 0 || only.includes(name)
    );
    let round = 0;
    while (round < this.#rounds && performance.now() < end) {
      await using arena = await Arena.open(
        this.#next,
        this.#arenas++ % 2 === 1,
      );
      let passed = true;
      for (
        let i = 0;
        passed && i < ROUNDS_PER_ARENA && round < this.#rounds &&
        performance.now() < end;
        i++
      ) {
        // All kinds in turn, in a slightly random order.
        const kind = kinds[(round++ + this.#next(3)) % kinds.length]!;
        passed = await this.#round(arena, kind, round);
      }
      this.#received += arena.received;
      if (passed) this.#left.push(...await arena.end());
    }
    return this.#rows(kinds);
  }

  async #round(
    arena: Arena,
    kind: Disturbance,
    round: number,
  ): Promise<boolean> {
    const { ms, failures } = await arena.round(kind);
    const { name } = kind;
    const what = ms === undefined
      ? failures.join("; ")
      : `traffic recovered after ${Math.round(ms)} ms`;
    this.#options.say(`round ${round}: ${name}: ${what}`);
    this.#times.set(name, [...this.#times.get(name) ?? [], ms ?? Infinity]);
    if (ms !== undefined) return true;
    const file = new URL(
      `kill-${this.#options.seed}-${round}.txt`,
      REPORTS,
    );
    Deno.mkdirSync(REPORTS, { recursive: true });
    Deno.writeTextFileSync(file, await arena.lab.report());
    this.#failures.set(name, [
      ...this.#failures.get(name) ?? [],
      `round ${round}: ${what} (dist/torture/${
        file.pathname.split("/").at(-1)
      })`,
    ]);
    return false;
  }

  #rows(kinds: readonly Disturbance[]): Row[] {
    const rows = kinds.map(({ name }) => {
      const times = this.#times.get(name) ?? [];
      const recoveries = times.filter((ms) => ms < Infinity);
      return {
        what: name,
        times: times.length,
        failures: this.#failures.get(name) ?? [],
        note: `recovery within ${Math.round(Math.max(0, ...recoveries))} ms`,
      };
    });
    return [...rows, {
      what: "taken down in order",
      times: this.#arenas,
      failures: this.#left,
      note: `${this.#received} datagrams checked`,
    }];
  }
}
