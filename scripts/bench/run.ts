/**
 * Runs the benchmark: for each size of the network, and for each measurement with subjects of its own, the repeats, and
 * in each repeat the subjects in turn.
 */

import { IpoibError } from "../../src/base/errors.ts";
import type { Cleanup } from "../cleanup.ts";
import { add, dropsOf, growth } from "./drops.ts";
import type { Measurement, Tools } from "./measurement.ts";
import type { Options } from "./options.ts";
import { figure, type Series } from "./report.ts";
import type { Subject } from "./subject.ts";
import { type Lineup, startSubjects } from "./subjects.ts";
import { warmUp } from "./warm_up.ts";

/** Result of a run. */
export interface Outcome {
  readonly series: Series[];
  /** Reason for the absence of a tunnel, by its name. */
  readonly absent: Record<string, string>;
  /** Messages of failed measurements. */
  readonly failures: string[];
  /** Packets lost during measurements, by measurement and subject, and by reason. */
  readonly drops: Record<string, Record<string, number>>;
}

/** Runs the measurements. `folder` contains the compiled programs; `say` prints each result. */
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
    const common = measurements.filter(({ own }) => own === undefined);
    const { beside } = this.#options;
    for (const ends of new Set(common.map((each) => each.ends))) {
      await this.#network(
        `${ends} ends`,
        common.filter((each) => each.ends === ends),
        (lineup) => startSubjects(lineup, this.#folder, ends, beside),
        cleanup,
      );
    }
    for (const each of measurements) {
      const { name, own } = each;
      if (own === undefined) continue;
      const start = ({ subjects }: Lineup) => own.start(subjects, this.#folder);
      await this.#network(name, [each], start, cleanup);
    }
    return this.outcome;
  }

  /** Runs measurements with the subjects that `start` starts. */
  async #network(
    name: string,
    measurements: readonly Measurement[],
    start: (lineup: Lineup) => Promise<void>,
    cleanup: Cleanup,
  ): Promise<void> {
    const lineup: Lineup = { subjects: [], absent: this.outcome.absent };
    let open = true;
    const close = async () => {
      if (!open) return;
      open = false;
      await Promise.all(lineup.subjects.map((subject) => subject.close()));
    };
    cleanup.add(close);
    try {
      await start(lineup);
      await this.#repeat(measurements, lineup.subjects);
    } catch (error) {
      // The results of other networks remain valid.
      this.#failed(name, error);
    } finally {
      await close();
    }
  }

  async #repeat(
    measurements: readonly Measurement[],
    subjects: readonly Subject[],
  ): Promise<void> {
    const series = new Map(
      measurements.map((each) => [each, seriesOf(each)] as const),
    );
    this.outcome.series.push(...[...series.values()].flat());
    const { repeats } = this.#options;
    const suited = subjects.flatMap((subject) =>
      measurements.filter(({ suits }) => suits?.(subject) !== false)
    );
    const total = repeats * suited.length;
    let done = 0;
    for (let repeat = 1; repeat <= repeats; repeat++) {
      for (const subject of subjects) {
        for (const [measurement, own] of series) {
          if (measurement.suits?.(subject) === false) continue;
          const head =
            `${++done}/${total} ${subject.name}, repeat ${repeat} of ${repeats}`;
          const values = await this.#measure(measurement, subject, head);
          own.forEach(({ values: by }, i) =>
            (by[subject.name] ??= []).push(values[i]!)
          );
        }
      }
    }
  }

  /** Returns the values of a measurement; NaN if it fails. */
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

/** Returns an empty series for each quantity. */
function seriesOf(
  { quantities }: Measurement,
): (Series & { values: Record<string, number[]> })[] {
  return quantities.map((quantity) => ({ ...quantity, values: {} }));
}
