/**
 * What an interface leaves for a process that is started after the unexpected end of this one: its record
 * (state_file.ts) and its devices (netdev/tap/keeper.ts). The same object reads what an earlier process has left.
 */

import type { EndReason } from "../interface_group.ts";
import type { Keeping } from "./keeping.ts";
import type { LeftInterface } from "./left_interface.ts";
import type { SavedInterface } from "./saved_interface.ts";
import { StateFile, statePath } from "./state_file.ts";
import { StateSaver } from "./state_saver.ts";

export class KeptInterface {
  readonly #keeping: Keeping;
  readonly #file: StateFile;
  readonly #saver: StateSaver | undefined;
  /** False if no earlier process has left the interface. */
  #mayBeLeft = true;
  #started = false;

  /**
   * @param directory directory of the control socket
   * @param name name with which the interface was started
   * @param fetch collects the record: see {@linkcode StateSaver}
   */
  constructor(
    directory: string,
    name: string,
    keeping: Keeping,
    fetch: () => Promise<SavedInterface>,
  ) {
    this.#keeping = keeping;
    const path = statePath(directory, name);
    this.#file = new StateFile(path, name, keeping.command);
    this.#saver = keeping.keeper === "none"
      ? undefined
      : new StateSaver(this.#file, fetch);
  }

  /** Returns what an earlier process has left of the interface. */
  left(): LeftInterface | undefined {
    const state = this.#file.read();
    this.#mayBeLeft = state !== undefined;
    if (!state) return undefined;
    const { saved, sameCommand } = state;
    const { descriptors } = this.#keeping;
    const taps: Record<string, number> = {};
    for (const { label } of [saved.parent, ...saved.children]) {
      const fd = descriptors.get(label);
      if (fd) taps[label] = fd.release();
      descriptors.delete(label);
    }
    return { saved, settings: sameCommand, taps };
  }

  /**
   * The devices belong to this process: it has created them, or the old process of an upgrade has accepted it. The record
   * of an earlier process is replaced, or without a keeper removed.
   */
  started(): void {
    this.#started = true;
    if (this.#saver) void this.save();
    else this.#file.remove();
  }

  /** Saves the record soon. Resolves when it is saved; immediately without a keeper, and before {@linkcode started}. */
  async save(): Promise<void> {
    if (this.#started) await this.#saver?.save();
  }

  /** Ends the saves, and removes the record unless the devices outlive the interface. Returns whether they do. */
  async close(reason: EndReason): Promise<boolean> {
    await this.#saver?.close();
    const kept = this.#outlives(reason);
    if (!kept) this.#file.remove();
    return kept;
  }

  #outlives(reason: EndReason): boolean {
    // What an earlier process has left is for the next one.
    if (!this.#started) return this.#mayBeLeft;
    switch (reason) {
      case "down":
        return false;
      case "signal":
        // The service manager keeps them for a restart, and closes them if the unit stops.
        return this.#keeping.keeper === "store";
      case "failure":
        return this.#keeping.keeper !== "none";
      case "not started":
        // Another interface of the process was not started.
        return this.#mayBeLeft;
      case "handed over":
      case "not taken over":
        return true;
    }
  }
}
