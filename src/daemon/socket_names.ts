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
  leadTo,
  linkName,
  socketDirectory,
  socketPath,
  unlinkName,
  unlinkNames,
} from "../ipc/locate.ts";
import { type IpcServer, makeFolder } from "../ipc/server.ts";
import type { InterfacePlace } from "./data_worker.ts";

interface Link {
  readonly directory: string;
  readonly name: string;
  readonly leadsTo: string;
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
    const { path } = server;
    const directory = path.slice(0, path.lastIndexOf("/"));
    unlinkNames(directory, leadTo(runtime, directory, path));
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
    try {
      this.#complete = parent === undefined ||
        await this.#server.move(
          socketPath(this.#directoryOf(parent), parent.name),
        );
      await this.#setLinks(children.map((child) => this.#linkOf(child)));
    } catch (error) {
      this.#complete = false;
      const { message } = IpoibError.from(error);
      if (message === this.#failure) return;
      this.#failure = message;
      getLogger().warn(`The control socket cannot be moved: ${message}`);
    }
  }

  async #setLinks(wanted: readonly Link[]): Promise<void> {
    const kept = this.#links.filter((link) => wanted.some(sameAs(link)));
    for (const link of this.#links) {
      if (kept.includes(link)) continue;
      unlinkName(link.directory, link.leadsTo, link.name);
    }
    for (const link of wanted) {
      if (kept.some(sameAs(link))) continue;
      if (await answers(socketPath(link.directory, link.name))) {
        this.#complete = false;
        continue;
      }
      makeFolder(link.directory, 0o077);
      linkName(link.directory, link.leadsTo, link.name);
      kept.push(link);
    }
    this.#links = kept;
  }

  #linkOf(child: InterfacePlace): Link {
    const directory = this.#directoryOf(child);
    const leadsTo = leadTo(this.#runtime, directory, this.#server.path);
    return { directory, leadsTo, name: child.name };
  }

  #directoryOf({ namespace }: InterfacePlace): string {
    return socketDirectory(this.#runtime, namespace);
  }
}

function sameAs(link: Link): (other: Link) => boolean {
  return (other) =>
    other.directory === link.directory && other.name === link.name &&
    other.leadsTo === link.leadsTo;
}

async function answers(path: string): Promise<boolean> {
  try {
    (await IpcClient.connect(path, path)).close();
    return true;
  } catch {
    return false;
  }
}
