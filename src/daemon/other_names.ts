/**
 * The names of a process's interfaces beside that of its control socket, which is the one that the process was started with:
 * children, and the interface itself once it was renamed. Each is a link that leads to the socket.
 */

import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import {
  linkName,
  socketPath,
  unlinkName,
  unlinkNames,
} from "../ipc/locate.ts";
import { removeDeadSocket } from "../system/dead_socket.ts";

export class OtherNames {
  readonly #directory: string;
  readonly #socket: string;
  #names: readonly string[] = [];

  /** @param directory the folder of the control socket of that name */
  constructor(directory: string, socket: string) {
    this.#directory = directory;
    this.#socket = socket;
  }

  /** Takes away what a process of the same name left behind. */
  clean(): void {
    this.#attempt(() => unlinkNames(this.#directory, this.#socket));
  }

  /** These are the interfaces now; returns the names that are gone. */
  update(interfaces: readonly string[]): string[] {
    const names = interfaces.filter((name) => name !== this.#socket);
    const gone = this.#names.filter((name) => !names.includes(name));
    for (const name of gone) {
      this.#attempt(() => unlinkName(this.#directory, name));
    }
    for (const name of names) {
      if (this.#names.includes(name)) continue;
      this.#attempt(() => {
        removeDeadSocket(socketPath(this.#directory, name), "stream");
        linkName(this.#directory, this.#socket, name);
      });
    }
    this.#names = names;
    return gone;
  }

  /** The folder may be full or read-only: the interfaces go on, and are reached by the name that has the socket. */
  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      getLogger(this.#socket).warn(IpoibError.from(error).message);
    }
  }
}
