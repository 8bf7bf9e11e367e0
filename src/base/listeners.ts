/**
 * Those who listen to one kind of event, in the order in which they began.
 *
 * A listener may begin or end from within a call: the event that is under way goes to those who listened at its beginning.
 */
export class Listeners<Args extends unknown[]> {
  /** A new array at each change. */
  #all: readonly ((...args: Args) => void)[] = [];

  get count(): number {
    return this.#all.length;
  }

  /** Begins to listen; what it returns ends that, once. */
  add(listener: (...args: Args) => void): () => void {
    // Of its own, so that the same function may listen twice.
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
