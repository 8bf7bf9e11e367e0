/** Things that have something to publish at the end of the turn: each once, in an array that is never made anew. */

/** What can be in a list: it knows by itself whether it is. */
export interface Pending {
  dirty: boolean;
}

export class PendingList<T extends Pending> {
  readonly #items: (T | undefined)[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds an item that is not in the list. */
  add(item: T): void {
    item.dirty = true;
    this.#items[this.#count++] = item;
  }

  at(i: number): T {
    return this.#items[i]!;
  }

  /** Takes an item out of the list; false if it is not there. */
  remove(item: T): boolean {
    if (!item.dirty) return false;
    item.dirty = false;
    const at = this.#items.indexOf(item);
    this.#items[at] = this.#items[--this.#count];
    this.#items[this.#count] = undefined;
    return true;
  }

  /** Takes the last item out of the list. */
  take(): T {
    const item = this.#items[--this.#count]!;
    this.#items[this.#count] = undefined;
    item.dirty = false;
    return item;
  }
}
