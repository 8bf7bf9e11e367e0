/**
 * The paths by which a process's interfaces are found: its control socket has the parent's name and is in the folder of the
 * parent's namespace; each child has a link to it in the same way. They follow renames and moves.
 *
 * A path that another process listens at is left alone: its owner is about to follow a rename of its own. The caller tries
 * again later.
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
  folderOf,
  inRuntimeFolder,
  removeEmptyFolder,
} from "../ipc/runtime_folder.ts";
import type { IpcServer } from "../ipc/server.ts";
import { removeDeadSocket } from "../system/dead_socket.ts";
import type { InterfacePlace } from "./data_worker.ts";

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
  /** Said once. */
  #failure: string | undefined;

  /** Removes what a process left behind whose socket was at the path of `server`. */
  constructor(runtime: string, server: IpcServer) {
    this.#runtime = runtime;
    this.#server = server;
    const directory = folderOf(server.path);
    try {
      unlinkNames(directory, linkTarget(runtime, directory, server.path));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** These are the interfaces now, the parent first; none once they end. */
  update(interfaces: readonly InterfacePlace[]): Promise<void> {
    this.#wanted = interfaces;
    return this.#work = this.#work.then(() => this.#follow());
  }

  /** Tries again what another process kept from being done. */
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
    const before = folderOf(this.#server.path);
    const path = socketPath(this.#directoryOf(parent), parent.name);
    const moved = await this.#server.move(path);
    if (folderOf(this.#server.path) !== before) removeEmptyFolder(before);
    return moved;
  }

  /** A folder may be full or read-only: the interfaces go on, and it is tried again. */
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
    getLogger().warn(`An interface cannot be found by its name: ${message}`);
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

/** False if a process answers at that path. */
async function link({ directory, target, name }: Link): Promise<boolean> {
  const path = socketPath(directory, name);
  if (await answers(path)) return false;
  await inRuntimeFolder(directory, () => {
    removeDeadSocket(path, "stream");
    linkName(directory, target, name);
    return Promise.resolve();
  });
  return true;
}

function unlink({ directory, target, name }: Link): Promise<boolean> {
  unlinkName(directory, target, name);
  removeEmptyFolder(directory);
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
