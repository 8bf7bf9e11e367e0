/**
 * The owner's end of a control socket.
 *
 * Nothing that arrives can end the process: an unreadable line is answered with `E_IPC_JSON` or `E_IPC_REQUEST`, an
 * unknown method with `E_IPC_METHOD`, wrong parameters with `E_IPC_PARAMS` and the name of the first wrong member;
 * a line over 64 KiB with `E_IPC_TOO_LARGE`, after which the connection is closed. Requests of one connection
 * run side by side (so `wait` blocks nothing), 8 at most; then it is not read from any further. A client
 * that does not take its answers is disconnected: see limits.ts for what clients may use.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { Clients } from "./clients.ts";
import { connectSocket } from "./connect.ts";
import type { Handlers } from "./handlers.ts";
import { type EndReason, type IpcLimits, LIMITS } from "./limits.ts";
import { folderOf, inRuntimeFolder } from "./runtime_folder.ts";

export type { CallContext, Handlers, HandlersOf } from "./handlers.ts";

/** How long a closing server waits for answers that are under way, in milliseconds. */
const CLOSE_TIMEOUT_MS = 500;

export class IpcServer {
  #path: string;
  readonly #listener: Deno.UnixListener;
  readonly #clients: Clients;
  readonly #accepting: Promise<void>;
  #closing = false;

  private constructor(
    path: string,
    listener: Deno.UnixListener,
    clients: Clients,
  ) {
    this.#path = path;
    this.#listener = listener;
    this.#clients = clients;
    this.#accepting = this.#accept();
  }

  /**
   * Listens at `path`, mode 0600, making the folders above it; replaces a socket that nobody listens at.
   *
   * Throws `E_RUNNING` if somebody does, `E_RUNTIME_DIR`, `E_SOCKET_PATH` for a path over 107 bytes, `E_IPC_LISTEN` else.
   *
   * @param what Names the owner in messages: `ib0`.
   */
  static async listen(
    path: string,
    what: string,
    handlers: Handlers,
    limits: IpcLimits = LIMITS,
  ): Promise<IpcServer> {
    try {
      const listener = await inRuntimeFolder(folderOf(path), async () => {
        await removeStale(path, what);
        return bind(path, what);
      });
      return new IpcServer(path, listener, new Clients(what, handlers, limits));
    } catch (error) {
      throw cannotListen(path, error);
    }
  }

  /** Where the socket is. */
  get path(): string {
    return this.#path;
  }

  /**
   * Puts the socket at another path, mode and connections unchanged; false if another process listens there, which changes
   * nothing. Throws `E_RUNTIME_DIR`, `E_SOCKET_PATH`, `E_IPC_LISTEN`.
   */
  async move(path: string): Promise<boolean> {
    if (path === this.#path) return true;
    checkLength(path);
    try {
      await inRuntimeFolder(folderOf(path), async () => {
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
    // A close that has begun removes the path that it has seen.
    const [kept, left] = this.#closing
      ? [this.#path, path]
      : [path, this.#path];
    this.#path = kept;
    await Deno.remove(left);
    return !this.#closing;
  }

  /** Clients that were disconnected, by reason. */
  get ended(): Readonly<Record<EndReason, number>> {
    return this.#clients.ended;
  }

  /** How many clients were disconnected. */
  get clientsEnded(): number {
    return Object.values(this.ended).reduce((sum, count) => sum + count, 0);
  }

  /** Bytes of replies and events that wait for clients. */
  get unsent(): number {
    return this.#clients.unsent;
  }

  /** Sends an event to every connection. */
  broadcast(event: string, data: unknown): void {
    this.#clients.broadcast(event, data);
  }

  /**
   * Removes the socket, waits a moment for answers under way, and closes every connection.
   *
   * A handler that awaits this delays itself: give it to {@linkcode CallContext.afterReply}.
   */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const own = inodeOf(this.#path);
    this.#listener.close();
    await this.#accepting;
    if (own !== undefined && inodeOf(this.#path) === own) {
      // In a folder that has become read-only it stays, and is a dead one.
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
        // Out of descriptors, most likely: go on when some are free again.
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      this.#clients.add(conn);
    }
  }
}

/** Which file is at `path`, so that a successor's is not taken for our own. */
function inodeOf(path: string): number | undefined {
  try {
    return Deno.lstatSync(path).ino ?? undefined;
  } catch {
    return undefined;
  }
}

async function removeStale(path: string, what: string): Promise<void> {
  try {
    await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  try {
    (await connectSocket(path, what)).close();
  } catch (error) {
    if ((error as IpoibError).code !== "E_NOT_RUNNING") throw error;
    await Deno.remove(path);
    return;
  }
  throw running(what);
}

function running(what: string): IpoibError {
  return new IpoibError("E_RUNNING", `${what} is already running`, {
    errno: Errno.EBUSY,
    hint: "end it first, with ipoib down",
  });
}

function cannotListen(path: string, error: unknown): IpoibError {
  if (error instanceof IpoibError) return error;
  return new IpoibError(
    "E_IPC_LISTEN",
    `Cannot listen at "${path}": ${
      error instanceof Error ? error.message : String(error)
    }`,
    {
      hint: "IPOIB_RUNTIME_DIR names the folder of the sockets",
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
 * Binds under a name that no other socket has, and then links the file to `path`, which fails if that exists. When the
 * runtime closes a listener it removes the path that it was bound to, whatever is there: with {@linkcode IpcServer.move}
 * that may be another process's socket.
 */
function bind(path: string, what: string): Deno.UnixListener {
  checkLength(path);
  const first = `${folderOf(path)}/.${Math.random().toString(36).slice(2, 9)}`;
  checkLength(first);
  const mask = Deno.umask(0o177);
  let listener: Deno.UnixListener;
  try {
    listener = Deno.listen({ transport: "unix", path: first });
  } finally {
    Deno.umask(mask);
  }
  try {
    Deno.linkSync(first, path);
  } catch (error) {
    listener.close();
    throw error instanceof Deno.errors.AlreadyExists ? running(what) : error;
  } finally {
    Deno.removeSync(first);
  }
  return listener;
}
