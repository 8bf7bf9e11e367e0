/**
 * Paths of the control socket of a process: the socket has the name of the parent interface, in the directory of its
 * network namespace, and each child has a symbolic link to the socket. The paths follow renames and moves of the
 * interfaces.
 *
 * A path at which another process listens is not replaced, because its interface may have been renamed and its process
 * may be about to follow. The caller calls {@linkcode SocketNames.retry} later.
 */

import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { IpcClient } from "../ipc/client.ts";
import {
  linkName,
  linkTarget,
  socketDirectory,
  socketPath,
  unlinkName,
  unlinkNames,
} from "../ipc/locate.ts";
import {
  inRuntimeDirectory,
  parentDirectory,
  removeEmptyDirectory,
} from "../ipc/runtime_directory.ts";
import type { IpcServer } from "../ipc/server.ts";
import { removeDeadSocket } from "../system/dead_socket.ts";
import type { InterfacePlace } from "./interface_places.ts";

interface Link {
  readonly directory: string;
  readonly name: string;
  readonly target: string;
}

export class SocketNames {
  readonly #runtime: string;
  readonly #server: IpcServer;
  #wanted: readonly InterfacePlace[] = [];
  #links: readonly Link[] = [];
  #work: Promise<void> = Promise.resolve();
  #complete = true;
  /** The last failure that was logged. */
  #failure: string | undefined;

  /** Removes the links that an earlier process left to a socket at the path of `server`. */
  constructor(runtime: string, server: IpcServer) {
    this.#runtime = runtime;
    this.#server = server;
    const directory = parentDirectory(server.path);
    try {
      unlinkNames(directory, linkTarget(runtime, directory, server.path));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Sets the interfaces, the parent first. An empty list removes all links. Resolves when the paths are updated. */
  update(interfaces: readonly InterfacePlace[]): Promise<void> {
    this.#wanted = interfaces;
    return this.#work = this.#work.then(() => this.#follow());
  }

  /** Retries the updates that failed. */
  retry(): void {
    if (!this.#complete) void this.update(this.#wanted);
  }

  async #follow(): Promise<void> {
    const [parent, ...children] = this.#wanted;
    this.#complete = true;
    if (parent) await this.#attempt(() => this.#moveSocket(parent));
    const wanted = children.map((child) => this.#linkOf(child));
    const kept = this.#links.filter((link) => wanted.some(sameAs(link)));
    for (const link of this.#links) {
      if (!kept.includes(link)) await this.#attempt(() => unlink(link));
    }
    for (const each of wanted) {
      if (kept.some(sameAs(each))) continue;
      const made = await this.#attempt(() => link(each));
      if (made) kept.push(each);
    }
    this.#links = kept;
  }

  async #moveSocket(parent: InterfacePlace): Promise<boolean> {
    const before = parentDirectory(this.#server.path);
    const path = socketPath(this.#directoryOf(parent), parent.name);
    const moved = await this.#server.move(path);
    if (parentDirectory(this.#server.path) !== before) {
      removeEmptyDirectory(before);
    }
    return moved;
  }

  /**
   * Runs an update. A failure, for example on a full or read-only file system, is logged, and retry() repeats the
   * update.
   */
  async #attempt(action: () => Promise<boolean>): Promise<boolean> {
    try {
      const done = await action();
      if (!done) this.#complete = false;
      return done;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #fail(error: unknown): void {
    this.#complete = false;
    const { message } = IpoibError.from(error);
    if (message === this.#failure) return;
    this.#failure = message;
    getLogger().warn(`Cannot update the control socket paths: ${message}`);
  }

  #linkOf(child: InterfacePlace): Link {
    const directory = this.#directoryOf(child);
    const target = linkTarget(this.#runtime, directory, this.#server.path);
    return { directory, target, name: child.name };
  }

  #directoryOf({ namespace }: InterfacePlace): string {
    return socketDirectory(this.#runtime, namespace);
  }
}

/** Creates the link of a child. Returns false if another process listens at its path. */
async function link({ directory, target, name }: Link): Promise<boolean> {
  const path = socketPath(directory, name);
  if (await answers(path)) return false;
  await inRuntimeDirectory(directory, () => {
    removeDeadSocket(path, "stream");
    linkName(directory, target, name);
    return Promise.resolve();
  });
  return true;
}

function unlink({ directory, target, name }: Link): Promise<boolean> {
  unlinkName(directory, target, name);
  removeEmptyDirectory(directory);
  return Promise.resolve(true);
}

function sameAs(link: Link): (other: Link) => boolean {
  return (other) =>
    other.directory === link.directory && other.name === link.name &&
    other.target === link.target;
}

async function answers(path: string): Promise<boolean> {
  try {
    (await IpcClient.connect(path, path)).close();
    return true;
  } catch {
    return false;
  }
}
