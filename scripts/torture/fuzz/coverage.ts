/** Coverage of the program's source by blocks: V8's precise coverage, read through the inspector. */

import { Session } from "node:inspector";

const SOURCE = new URL("../../../src/", import.meta.url).href;

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly {
      readonly startOffset: number;
      readonly endOffset: number;
      readonly count: number;
    }[];
  }[];
}

export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  private constructor() {}

  /** Starts coverage, which includes only modules that are loaded afterwards. */
  static async start(): Promise<Coverage> {
    const coverage = new Coverage();
    coverage.#session.connect();
    await coverage.#post("Profiler.enable");
    await coverage.#post("Profiler.startPreciseCoverage", {
      callCount: true,
      detailed: true,
    });
    return coverage;
  }

  /** Number of blocks that have run. */
  get blocks(): number {
    return this.#seen.size;
  }

  /** Returns the blocks that have run for the first time since the last call. */
  async takeNew(): Promise<Set<string>> {
    const found = new Set<string>();
    for (const block of await this.#take()) {
      if (this.#seen.has(block)) continue;
      this.#seen.add(block);
      found.add(block);
    }
    return found;
  }

  /** Returns the blocks of `wanted` that have run since the last call. */
  async takeOf(wanted: ReadonlySet<string>): Promise<Set<string>> {
    const blocks = await this.#take();
    for (const block of blocks) this.#seen.add(block);
    return new Set(blocks.filter((block) => wanted.has(block)));
  }

  /** Stops coverage, which slows the program down. */
  async stop(): Promise<void> {
    await this.#post("Profiler.stopPreciseCoverage");
  }

  async #take(): Promise<string[]> {
    const { result } = await this.#post("Profiler.takePreciseCoverage") as {
      result: readonly ScriptCoverage[];
    };
    const blocks: string[] = [];
    for (const { url, functions } of result) {
      if (!url.startsWith(SOURCE)) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) blocks.push(`${url}:${startOffset}:${endOffset}`);
        }
      }
    }
    return blocks;
  }

  #post(method: string, params?: object): Promise<unknown> {
    return new Promise((resolve, reject) =>
      this.#session.post(
        method,
        params as Record<string, unknown>,
        (error: Error | null, result?: unknown) =>
          error ? reject(error) : resolve(result),
      )
    );
  }
}
