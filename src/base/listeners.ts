/**
 * Lists of what is registered until it is removed.
 *
 * Members may be added and removed during an iteration over the list. Such a change takes effect with the next
 * iteration.
 */

/** The registered members, in the order of their registration. */
export class Registered<T> {
  #all: readonly T[] = [];

  /** Replaced at each change, never modified. */
  get all(): readonly T[] {
    return this.#all;
  }

  /** Adds a member and returns a function that removes it. */
  add(member: T): () => void {
    this.#all = [...this.#all, member];
    return () => {
      this.#all = this.#all.filter((each) => each !== member);
    };
  }
}

/** The listeners of one kind of event. An event goes to those that were registered when it began. */
export class Listeners<Args extends unknown[]> {
  readonly #registered = new Registered<(...args: Args) => void>();

  get count(): number {
    return this.#registered.all.length;
  }

  /** Registers a listener and returns a function that removes it. */
  add(listener: (...args: Args) => void): () => void {
    // A wrapper per registration, so that the same function can be registered twice.
    return this.#registered.add((...args: Args) => listener(...args));
  }

  call(...args: Args): void {
    const { all } = this.#registered;
    for (let i = 0; i < all.length; i++) all[i]!(...args);
  }
}

/** The listeners of a data path, which prepares an event only while there are some. */
export class Observers<Args extends unknown[]> {
  /** True while there is a listener; otherwise the data path need not prepare it. */
  active = false;
  protected readonly listeners = new Listeners<Args>();

  /** Adds a listener and returns the function that removes it. */
  add(listener: (...args: Args) => void): () => void {
    const end = this.listeners.add(listener);
    this.active = true;
    return () => {
      end();
      this.active = this.listeners.count > 0;
    };
  }
}
