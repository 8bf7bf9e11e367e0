/** Keeps the record of an interface up to date: one save at a time, and one more after it if something changed. */

import type { SavedInterface } from "./saved_interface.ts";
import type { StateFile } from "./state_file.ts";

export class StateSaver {
  readonly #file: Pick<StateFile, "write">;
  readonly #fetch: () => Promise<SavedInterface>;
  #work: Promise<void> | undefined;
  #again = false;
  #ended = false;

  /** @param fetch collects the record; a rejection ends the save without a change of the file */
  constructor(
    file: Pick<StateFile, "write">,
    fetch: () => Promise<SavedInterface>,
  ) {
    this.#file = file;
    this.#fetch = fetch;
  }

  /** Saves the present state soon. Resolves when it, or a later state, is saved. */
  save(): Promise<void> {
    this.#again = true;
    return this.#work ??= this.#run();
  }

  /** Ends after the save in progress. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#work;
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#ended) {
      this.#again = false;
      // The data worker may be ending.
      const saved = await this.#fetch().catch(() => undefined);
      if (saved && !this.#ended) await this.#file.write(saved);
    }
    this.#work = undefined;
  }
}
