/**
 * Named counters over one Float64Array: an increment allocates nothing, and a snapshot has every name.
 *
 * Names are fixed at construction; the data path keeps the index of its counter.
 */
export class Counters<Name extends string> {
  readonly names: readonly Name[];
  readonly values: Float64Array;
  readonly #index: Map<string, number>;

  constructor(names: readonly Name[]) {
    this.names = names;
    this.values = new Float64Array(names.length);
    this.#index = new Map(names.map((name, index) => [name, index]));
  }

  /** The position of a counter in {@linkcode values}, for the data path. */
  index(name: Name): number {
    return this.#index.get(name)!;
  }

  add(name: Name, amount = 1): void {
    this.values[this.#index.get(name)!]! += amount;
  }

  get(name: Name): number {
    return this.values[this.#index.get(name)!]!;
  }

  /** Every counter by name. */
  snapshot(): Record<Name, number> {
    return Object.fromEntries(
      this.names.map((name, i) => [name, this.values[i]]),
    ) as Record<Name, number>;
  }
}
