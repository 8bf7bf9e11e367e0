/** The names of an interface's children beside its control socket: links that lead to it. */

import { linkChild, unlinkChild, unlinkChildren } from "../ipc/locate.ts";

export class ChildNames {
  readonly #directory: string;
  readonly #parent: string;
  #names: readonly string[] = [];

  /** @param directory the folder of the parent's control socket */
  constructor(directory: string, parent: string) {
    this.#directory = directory;
    this.#parent = parent;
  }

  /** Takes away what a process of the same name left behind. */
  clean(): void {
    unlinkChildren(this.#directory, this.#parent);
  }

  /** These are the children now; returns those that are gone. */
  update(names: readonly string[]): string[] {
    const gone = this.#names.filter((name) => !names.includes(name));
    for (const name of gone) unlinkChild(this.#directory, name);
    for (const name of names) {
      if (!this.#names.includes(name)) {
        linkChild(this.#directory, this.#parent, name);
      }
    }
    this.#names = names;
    return gone;
  }
}
