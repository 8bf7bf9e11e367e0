/**
 * The listeners of one kind of event, called in the order of their registration.
 *
 * A listener may add or remove listeners. Such a change takes effect with the next event: the current event goes to
 * the listeners that were registered when it began.
 */
export class Listeners<Args extends unknown[]> {
  /** Replaced at each change, never modified, so that `call` can iterate over it. */
  #all: readonly ((...args: Args) => void)[] = [];

  get count(): number {
    return this.#all.length;
  }

  /** Registers a listener and returns a function that removes it. */
  add(listener: (...args: Args) => void): () => void {
    // A wrapper per registration, so that the same function can be registered twice.
    const entry = (...args: Args) => listener(...args);
    this.#all = [...this.#all, entry];
    return () => {
      this.#all = this.#all.filter((each) => each !== entry);
    };
  }

  call(...args: Args): void {
    const all = this.#all;
    for (let i = 0; i < all.length; i++) all[i]!(...args);
  }
}
