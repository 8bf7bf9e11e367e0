/**
 * Named counters in one Float64Array, so that an increment allocates nothing.
 *
 * The names are fixed at construction. The data path increments elements of `values` directly.
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

  /** The index of a counter in {@linkcode values}. */
  index(name: Name): number {
    return this.#index.get(name)!;
  }

  add(name: Name, amount = 1): void {
    this.values[this.#index.get(name)!]! += amount;
  }

  get(name: Name): number {
    return this.values[this.#index.get(name)!]!;
  }

  /** Returns the value of every counter by name. */
  snapshot(): Record<Name, number> {
    return Object.fromEntries(
      this.names.map((name, i) => [name, this.values[i]]),
    ) as Record<Name, number>;
  }
}
