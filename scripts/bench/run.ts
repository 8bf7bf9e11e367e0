/** One run: networks by their number of ends, repeats of each, subjects in turn within a repeat. */

import { IpoibError } from "../../src/base/errors.ts";
import type { Cleanup } from "../cleanup.ts";
import { add, dropsOf, growth } from "./drops.ts";
import type { Measurement, Tools } from "./measurement.ts";
import type { Options } from "./options.ts";
import { figure, type Series } from "./report.ts";
import type { Subject } from "./subject.ts";
import { type Lineup, startSubjects } from "./subjects.ts";
import { warmUp } from "./warm_up.ts";

/** What a run brought. */
export interface Outcome {
  readonly series: Series[];
  /** Why a tunnel did not take part, by its name. */
  readonly absent: Record<string, string>;
  /** What failed on the way, in sentences. */
  readonly failures: string[];
  /** Packets lost while measurements were made, by measurement and subject, and by reason. */
  readonly drops: Record<string, Record<string, number>>;
}

/** Makes the measurements; `folder` has the compiled programs, `say` is told what each came to. */
export class Run {
  readonly outcome: Outcome = {
    series: [],
    absent: {},
    failures: [],
    drops: {},
  };
  readonly #options: Options;
  readonly #folder: string;
  readonly #tools: Tools;
  readonly #say: (line: string) => void;

  constructor(
    options: Options,
    folder: string,
    say: (line: string) => void,
  ) {
    this.#options = options;
    this.#folder = folder;
    this.#tools = { pps: `${folder}/pps`, seconds: options.seconds };
    this.#say = say;
  }

  async all(cleanup: Cleanup): Promise<Outcome> {
    const { measurements } = this.#options;
    for (const ends of new Set(measurements.map((each) => each.ends))) {
      await this.#network(ends, cleanup);
    }
    return this.outcome;
  }

  /** The measurements that need a network of so many ends. */
  async #network(ends: number, cleanup: Cleanup): Promise<void> {
    const lineup: Lineup = { subjects: [], absent: this.outcome.absent };
    let open = true;
    const close = async () => {
      if (!open) return;
      open = false;
      await Promise.all(lineup.subjects.map((subject) => subject.close()));
    };
    cleanup.add(close);
    try {
      const { beside } = this.#options;
      await startSubjects(lineup, this.#folder, ends, beside);
      await this.#repeat(ends, lineup.subjects);
    } catch (error) {
      // What other networks brought is still worth having.
      this.#failed(`${ends} ends`, error);
    } finally {
      await close();
    }
  }

  async #repeat(ends: number, subjects: readonly Subject[]): Promise<void> {
    const measurements = this.#options.measurements
      .filter((each) => each.ends === ends);
    const series = new Map(
      measurements.map((each) => [each, seriesOf(each)] as const),
    );
    this.outcome.series.push(...[...series.values()].flat());
    for (let repeat = 1; repeat <= this.#options.repeats; repeat++) {
      for (const subject of subjects) {
        for (const [measurement, own] of series) {
          if (measurement.suits?.(subject) === false) continue;
          const head = `${repeat}/${this.#options.repeats} ${subject.name}`;
          const values = await this.#measure(measurement, subject, head);
          own.forEach(({ values: by }, i) =>
            (by[subject.name] ??= []).push(values[i]!)
          );
        }
      }
    }
  }

  /** The values of one measurement, NaN if it fails. */
  async #measure(
    measurement: Measurement,
    subject: Subject,
    head: string,
  ): Promise<number[]> {
    const { quantities } = measurement;
    try {
      await warmUp(subject, this.#tools.pps);
      const before = await dropsOf(subject);
      const values = await measurement.measure(subject, this.#tools);
      const key = `${measurement.name}, ${subject.name}`;
      add(
        this.outcome.drops[key] ??= {},
        growth(before, await dropsOf(subject)),
      );
      const text = values.map((value, i) =>
        `${figure(value)} ${quantities[i]!.unit}`
      );
      this.#say(`${head}, ${measurement.name}: ${text.join("  ")}`);
      return values;
    } catch (error) {
      this.#failed(`${head}, ${measurement.name}`, error);
      return quantities.map(() => NaN);
    }
  }

  #failed(what: string, error: unknown): void {
    const { message } = IpoibError.from(error);
    const sentence = `${what} failed: ${message.trim()}`;
    this.outcome.failures.push(sentence);
    this.#say(sentence);
  }
}

/** A series, still empty, for each quantity. */
function seriesOf(
  { quantities }: Measurement,
): (Series & { values: Record<string, number[]> })[] {
  return quantities.map((quantity) => ({ ...quantity, values: {} }));
}
