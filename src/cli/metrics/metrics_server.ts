/**
 * Serves the metrics over HTTP.
 *
 * A server of its own, because those of Deno do not bound what clients take: `Deno.serve` limits neither the number of
 * connections nor the time of an exchange. node:http has such limits, but ignores them in Deno 2.4.2, with which the
 * executable may be compiled: connections without a complete head, or with one that is too long, stay open.
 *
 * One collection at a time serves all requests that arrive while it runs.
 */

import { IpoibError } from "../../base/errors.ts";
import { systemReason } from "../../base/system_error.ts";
import { writeAll } from "../../ipc/framing.ts";
import { exposition, type Family, MEDIA_TYPES } from "./exposition.ts";
import { readRequest, response } from "./http_exchange.ts";
import { type ListenAddress, listenAddressText } from "./listen_address.ts";

/** Further connections are closed at once. */
export const MAX_CONNECTIONS = 32;
/** A connection is closed after this time, whatever its state. */
const EXCHANGE_LIMIT_MS = 10_000;

export interface MetricsServerOptions {
  /** Collects the families. Its errors become responses with status 503. */
  readonly collect: () => Promise<readonly Family[]>;
  /** Maximum time of an exchange. Default: EXCHANGE_LIMIT_MS. */
  readonly limitMs?: number;
}

export class MetricsServer {
  /** The address in use, with the port that the kernel has chosen for port 0. */
  readonly address: Deno.Addr;
  /** Settles when the server is closed. */
  readonly closed: Promise<void>;
  readonly #listener: Deno.Listener;
  readonly #options: MetricsServerOptions;
  readonly #connections = new Set<Deno.Conn>();
  #collection: Promise<readonly Family[]> | undefined;

  constructor(listener: Deno.Listener, options: MetricsServerOptions) {
    this.#options = options;
    this.#listener = listener;
    this.address = listener.addr;
    this.closed = this.#accept();
  }

  /** Throws `E_LISTEN`. */
  static async listen(
    at: ListenAddress,
    options: MetricsServerOptions,
  ): Promise<MetricsServer> {
    return new MetricsServer(await listen(at), options);
  }

  /** Closes all connections, and removes the Unix socket. */
  close(): void {
    end(this.#listener);
    for (const connection of this.#connections) end(connection);
    if (this.address.transport === "unix") remove(this.address.path);
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      if (this.#connections.size >= MAX_CONNECTIONS) end(connection);
      else void this.#serve(connection);
    }
  }

  /** Never fails: an error of the connection ends it. */
  async #serve(connection: Deno.Conn): Promise<void> {
    this.#connections.add(connection);
    const limit = setTimeout(
      () => end(connection),
      this.#options.limitMs ?? EXCHANGE_LIMIT_MS,
    );
    try {
      const reply = await this.#reply(connection);
      if (reply) await writeAll(connection, reply);
    } catch {
      // The client has gone, or the time is over.
    } finally {
      clearTimeout(limit);
      this.#connections.delete(connection);
      end(connection);
    }
  }

  async #reply(connection: Deno.Conn): Promise<Uint8Array | undefined> {
    const request = await readRequest(connection);
    if (!request) return undefined;
    if ("status" in request) {
      return response(request.status, `${request.text}\n`);
    }
    const { metrics } = request;
    try {
      const text = exposition(await this.#collect(), metrics);
      return response(200, text, MEDIA_TYPES[metrics]);
    } catch (error) {
      return response(503, `${IpoibError.from(error).message}\n`);
    }
  }

  #collect(): Promise<readonly Family[]> {
    this.#collection ??= this.#options.collect().finally(() => {
      this.#collection = undefined;
    });
    return this.#collection;
  }
}

async function listen(at: ListenAddress): Promise<Deno.Listener> {
  try {
    if (at.transport === "tcp") return Deno.listen(at);
    await removeStale(at.path);
    const listener = Deno.listen(at);
    await Deno.chmod(at.path, 0o660);
    return listener;
  } catch (error) {
    const where = listenAddressText(at);
    throw new IpoibError(
      "E_LISTEN",
      `Cannot listen on ${where}: ${systemReason(error)}`,
      { cause: error },
    );
  }
}

/** Removes a socket that no process serves any more. */
async function removeStale(path: string): Promise<void> {
  try {
    if (!(await Deno.lstat(path)).isSocket) return;
    end(await Deno.connect({ transport: "unix", path }));
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) remove(path);
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Another process has removed it.
  }
}

function end(socket: Deno.Conn | Deno.Listener): void {
  try {
    socket.close();
  } catch {
    // It is closed.
  }
}
