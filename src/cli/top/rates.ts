/** Rates from two samples, and the history of each row. */

import type { Counts, Reading, Sample, SampleRow, Table } from "./sample.ts";

/** Number of rates that a history keeps: as many as the widest sparkline shows. */
const HISTORY = 60;

/** Rates per second, in the units of the counters. */
export type Rates = Counts;

export interface RatedRow extends SampleRow {
  /** Undefined unless this sample and the one before have a reading of the row. */
  readonly rates: Rates | undefined;
  /** Bytes per second in both directions, the oldest first. */
  readonly history: readonly number[];
}

interface Known {
  /** Undefined if the last sample had none. */
  readonly reading: Reading | undefined;
  readonly history: number[];
}

/** The rows of a moment, and their sum. */
export interface Rated {
  readonly interfaces: readonly RatedRow[];
  readonly rows: readonly RatedRow[];
  readonly total: RatedRow;
}

export class RateBook {
  #known = new Map<string, Known>();
  readonly #totals: number[] = [];

  /** Adds a sample. Rows that it does not have are forgotten. */
  add(sample: Sample, table: Table): Rated {
    const known = new Map<string, Known>();
    const rated = (row: SampleRow) => this.#rate(row, known);
    const interfaces = sample.interfaces.map(rated);
    const others = sample.others.map(rated);
    this.#known = known;
    const total = sumOf(interfaces);
    if (total) keep(this.#totals, total.rx + total.tx);
    return {
      interfaces,
      rows: table === "interfaces" ? interfaces : others,
      total: {
        name: "total",
        rates: total,
        history: this.#totals,
      },
    };
  }

  #rate(row: SampleRow, known: Map<string, Known>): RatedRow {
    const key = `${row.of ?? ""} ${row.name}`;
    const { reading } = row;
    const { reading: before, history = [] } = this.#known.get(key) ?? {};
    const rates = before && reading ? ratesBetween(before, reading) : undefined;
    if (rates) keep(history, rates.rx + rates.tx);
    known.set(key, { reading, history });
    return { ...row, rates, history };
  }
}

/** Returns the rates; undefined if no time has passed. */
function ratesBetween(before: Reading, now: Reading): Rates | undefined {
  const seconds = (now.atMs - before.atMs) / 1000;
  return seconds > 0 ? ratesOf(before.counts, now.counts, seconds) : undefined;
}

/** A counter that has become lower was reset: its value is what was counted since. */
function ratesOf(before: Counts, now: Counts, seconds: number): Rates {
  const rate = (name: keyof Counts) =>
    (now[name] < before[name] ? now[name] : now[name] - before[name]) / seconds;
  return {
    rx: rate("rx"),
    tx: rate("tx"),
    rxPackets: rate("rxPackets"),
    txPackets: rate("txPackets"),
    drops: rate("drops"),
  };
}

function sumOf(rows: readonly RatedRow[]): Rates | undefined {
  const rated = rows.map(({ rates }) => rates).filter((each) =>
    each !== undefined
  );
  if (rated.length === 0) return undefined;
  return rated.reduce((a, b) => ({
    rx: a.rx + b.rx,
    tx: a.tx + b.tx,
    rxPackets: a.rxPackets + b.rxPackets,
    txPackets: a.txPackets + b.txPackets,
    drops: a.drops + b.drops,
  }));
}

function keep(history: number[], value: number): void {
  history.push(value);
  if (history.length > HISTORY) history.shift();
}
