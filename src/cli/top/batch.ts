/** `ipoib top -b`: prints a table for each interval. */

import type { CliEnvironment } from "../environment.ts";
import { RateBook, type RatedRow } from "./rates.ts";
import { type Scope, takeSample } from "./sample.ts";
import { columnsOf, plainTable } from "./screen.ts";
import { sorted, type View } from "./view.ts";

export interface BatchOptions {
  readonly environment: CliEnvironment;
  readonly scope: Scope;
  readonly view: View;
  /** Number of tables; undefined for no end. */
  readonly iterations: number | undefined;
  readonly json: boolean;
}

/**
 * Prints the tables, until the reader exits. The first one follows after one interval, because a rate needs two samples.
 * Throws the errors of `takeSample`.
 */
export async function runBatch(options: BatchOptions): Promise<void> {
  const { environment, scope, view, json } = options;
  const { iterations = Infinity } = options;
  const book = new RateBook();
  book.add(await takeSample(environment, scope, view.table), view.table);
  for (let i = 0; i < iterations; i++) {
    await new Promise((done) => setTimeout(done, view.seconds * 1000));
    const sample = await takeSample(environment, scope, view.table);
    const rated = book.add(sample, view.table);
    environment.out(
      json
        ? `${JSON.stringify(sorted(rated.rows, view).map(rowJson(view)))}\n`
        : (i > 0 ? "\n" : "") + plainTable(rated, view),
    );
    if (environment.outEnded) return;
  }
}

/** Members as in other records, with `_rate` for values per second. */
function rowJson({ table }: View) {
  const names = {
    rx: "rx_bytes_rate",
    tx: "tx_bytes_rate",
    rxPackets: "rx_packets_rate",
    txPackets: "tx_packets_rate",
    drops: "dropped_rate",
  } as const;
  return ({ name, of, trouble, rates }: RatedRow) => ({
    name,
    ...(of === undefined ? {} : { dev: of }),
    ...(trouble === undefined ? {} : { state: trouble }),
    ...Object.fromEntries(
      columnsOf(table).map((
        column,
      ) => [names[column], rates?.[column] ?? null]),
    ),
  });
}
