/**
 * Server of a control socket.
 *
 * Invalid input produces an error reply: `E_IPC_JSON` or `E_IPC_REQUEST` for an invalid line, `E_IPC_METHOD` for an
 * unknown method, `E_IPC_PARAMS` with the name of the first invalid parameter, `E_IPC_TOO_LARGE` for a line over 64
 * KiB, after which the server closes the connection. Up to 8 requests of one connection run concurrently, so that
 * `wait` does not block other requests; at this limit the server stops reading from the connection. Clients that exceed
 * the limits of limits.ts are disconnected.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { systemReason } from "../base/system_error.ts";
import type { Millis } from "../base/units.ts";
import { Clients } from "./clients.ts";
import { connectSocket } from "./connect.ts";
import type { Handlers } from "./handlers.ts";
import { type EndReason, type IpcLimits, LIMITS } from "./limits.ts";
import {
  inRuntimeDirectory,
  parentDirectory,
  RUNTIME_DIR_HINT,
} from "./runtime_directory.ts";

export type {
  CallContext,
  Handler,
  Handlers,
  HandlersOf,
  StreamContext,
} from "./handlers.ts";

/** How long a closing server waits for requests in progress. */
const CLOSE_TIMEOUT_MS = 500;
const REPLACED_STEP_MS: Millis = 5;

export class IpcServer {
  #path: string;
  readonly #listener: Deno.UnixListener;
  readonly #clients: Clients;
  readonly #accepting: Promise<void>;
  /** Inode of the socket, to detect that another process has replaced it. */
  readonly #inode: number | undefined;
  #closing = false;

  private constructor(
    path: string,
    listener: Deno.UnixListener,
    clients: Clients,
  ) {
    this.#path = path;
    this.#inode = inodeOf(path);
    this.#listener = listener;
    this.#clients = clients;
    this.#accepting = this.#accept();
  }

  /**
   * Listens at `path` with mode 0600. Creates missing directories, and replaces a stale socket.
   *
   * Throws `E_RUNNING` (EBUSY) if a process listens at `path`, `E_RUNTIME_DIR`, `E_SOCKET_PATH` if the path exceeds 107
   * bytes, the errors of `connectSocket` if the existing socket cannot be checked, `E_IPC_LISTEN` for any other error.
   *
   * @param name name of the owner in messages: `ib0`
   * @param how `replace` to take the path of a process that listens there
   */
  static async listen(
    path: string,
    name: string,
    handlers: Handlers,
    limits: IpcLimits = LIMITS,
    how: "new" | "replace" = "new",
  ): Promise<IpcServer> {
    try {
      const listener = await inRuntimeDirectory(
        parentDirectory(path),
        async () => {
          if (how === "replace") return bind(path, name, renameFirst);
          await removeStale(path, name);
          return bind(path, name, linkFirst);
        },
      );
      return new IpcServer(path, listener, new Clients(name, handlers, limits));
    } catch (error) {
      throw cannotListen(path, error);
    }
  }

  /** Path of the socket. */
  get path(): string {
    return this.#path;
  }

  /**
   * Moves the socket to another path; its mode and its connections do not change. Returns false without a move if
   * another process listens there or the server is closing. Throws `E_RUNTIME_DIR`, `E_SOCKET_PATH`, the errors of
   * `connectSocket` if an existing socket cannot be checked, `E_IPC_LISTEN` for any other error.
   */
  async move(path: string): Promise<boolean> {
    if (path === this.#path) return true;
    checkLength(path);
    try {
      await inRuntimeDirectory(parentDirectory(path), async () => {
        await removeStale(path, path);
        await Deno.link(this.#path, path);
      });
    } catch (error) {
      if (this.#closing) return false;
      const taken = error instanceof Deno.errors.AlreadyExists ||
        (error as Partial<IpoibError>).code === "E_RUNNING";
      if (taken) return false;
      throw cannotListen(path, error);
    }
    // If close() has begun in the meantime, it removes the old path, so the new one is removed here.
    const [kept, left] = this.#closing
      ? [this.#path, path]
      : [path, this.#path];
    this.#path = kept;
    await Deno.remove(left);
    return !this.#closing;
  }

  /** Waits until another process has replaced the socket, at most `limit` milliseconds. */
  async replaced(limit: Millis): Promise<void> {
    const end = performance.now() + limit;
    while (inodeOf(this.#path) === this.#inode && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, REPLACED_STEP_MS));
    }
  }

  /** Number of clients that the server disconnected, by reason. */
  get ended(): Readonly<Record<EndReason, number>> {
    return this.#clients.ended;
  }

  /** Total number of clients that the server disconnected. */
  get clientsEnded(): number {
    return Object.values(this.ended).reduce((sum, count) => sum + count, 0);
  }

  /** Bytes of replies and items of streams queued for all clients. */
  get unsent(): number {
    return this.#clients.unsent;
  }

  /**
   * Removes the socket, waits up to 500 ms for requests in progress, and closes every connection.
   *
   * A handler must call this from {@linkcode CallContext.afterReply}: if it awaits this method, its own request is one
   * of those in progress.
   */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#listener.close();
    await this.#accepting;
    // A process that was stopped may close a socket that another process has replaced long ago.
    if (this.#inode !== undefined && inodeOf(this.#path) === this.#inode) {
      // If the directory is read-only, the socket stays behind and is stale.
      await Deno.remove(this.#path).catch(() => {});
    }
    await this.#clients.finish(CLOSE_TIMEOUT_MS);
  }

  async #accept(): Promise<void> {
    while (!this.#closing) {
      let conn: Deno.UnixConn;
      try {
        conn = await this.#listener.accept();
      } catch {
        if (this.#closing) return;
        // The usual cause is a lack of descriptors, which is temporary.
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      this.#clients.add(conn);
    }
  }
}

function inodeOf(path: string): number | undefined {
  try {
    return Deno.lstatSync(path).ino ?? undefined;
  } catch {
    return undefined;
  }
}

/** Removes the socket at `path` if no process listens. Throws `E_RUNNING` if a process does. */
async function removeStale(path: string, name: string): Promise<void> {
  try {
    await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  try {
    (await connectSocket(path, name)).close();
  } catch (error) {
    if ((error as IpoibError).code !== "E_NOT_RUNNING") throw error;
    await Deno.remove(path);
    return;
  }
  throw running(name);
}

/** Returns the `E_RUNNING` error for the owner of a socket. */
export function running(name: string): IpoibError {
  return new IpoibError("E_RUNNING", `${name} is already running`, {
    errno: Errno.EBUSY,
    hint: "stop it first with ipoib down",
  });
}

function cannotListen(path: string, error: unknown): IpoibError {
  if (error instanceof IpoibError) return error;
  return new IpoibError(
    "E_IPC_LISTEN",
    `Cannot listen at "${path}": ${systemReason(error)}`,
    {
      hint: RUNTIME_DIR_HINT,
      cause: error,
    },
  );
}

function checkLength(path: string): void {
  if (new TextEncoder().encode(path).length <= 107) return;
  throw new IpoibError(
    "E_SOCKET_PATH",
    `Cannot use "${path}" as a socket: the path is longer than 107 bytes`,
    { errno: Errno.EINVAL, hint: "choose a shorter IPOIB_RUNTIME_DIR" },
  );
}

/**
 * Binds a socket to a temporary path, which `take` then changes to `path`; link(2) fails if `path` exists. When the runtime
 * closes a listener it removes the path that the listener was bound to; after {@linkcode IpcServer.move} that could be
 * the socket of another process.
 */
function bind(
  path: string,
  name: string,
  take: (first: string, path: string) => void,
): Deno.UnixListener {
  checkLength(path);
  const first = temporaryPath(path);
  checkLength(first);
  const mask = Deno.umask(0o177);
  let listener: Deno.UnixListener;
  try {
    listener = Deno.listen({ transport: "unix", path: first });
  } finally {
    Deno.umask(mask);
  }
  try {
    take(first, path);
  } catch (error) {
    Deno.removeSync(first);
    listener.close();
    throw error instanceof Deno.errors.AlreadyExists ? running(name) : error;
  }
  return listener;
}

/** Gives a file another path, which must not exist, instead of its first one. */
function linkFirst(first: string, path: string): void {
  Deno.linkSync(first, path);
  Deno.removeSync(first);
}

/** Gives a file another path, which may exist, instead of its first one. */
function renameFirst(first: string, path: string): void {
  Deno.renameSync(first, path);
}

/** Returns an unused path in the same directory, which `ipoib up` sweeps if the process is killed. */
function temporaryPath(path: string): string {
  const name = Math.random().toString(36).slice(2, 9);
  return `${parentDirectory(path)}/.${name}`;
}
