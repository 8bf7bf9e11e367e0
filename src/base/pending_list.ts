/** Lists of objects with work that is due at a certain point of a turn. Each object occurs once; the array is reused. */

/** An object that can be in one list. */
export interface Pending {
  /** True while the object is in the list; set by the list. */
  dirty: boolean;
}

/** An unordered list of pending objects. */
export class PendingList<T extends Pending> {
  readonly #items: (T | undefined)[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds an item; no effect if it is in the list. */
  add(item: T): void {
    if (item.dirty) return;
    item.dirty = true;
    this.#items[this.#count++] = item;
  }

  at(i: number): T {
    return this.#items[i]!;
  }

  /** Removes an item. Returns false if it is not in the list. */
  remove(item: T): boolean {
    if (!item.dirty) return false;
    item.dirty = false;
    const at = this.#items.indexOf(item);
    this.#items[at] = this.#items[--this.#count];
    this.#items[this.#count] = undefined;
    return true;
  }

  /** Removes and returns the last item; the list must not be empty. */
  take(): T {
    const item = this.#items[--this.#count]!;
    this.#items[this.#count] = undefined;
    item.dirty = false;
    return item;
  }
}
